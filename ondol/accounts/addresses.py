"""allauth's forms that ask for an e-mail address, with one way to read it."""

from typing import Any

from allauth.account import forms as account
from allauth.account.fields import EmailField
from allauth.socialaccount import forms as social

from ondol.accounts.admission import require_domain
from ondol.accounts.models import User
from ondol.accounts.text import clean_address, find_address


class AddressField(EmailField):
    """An address for an account: cleaned, or refused, also for its domain."""

    def to_python(self, value: Any) -> str:
        """Return the address as it is kept."""
        return clean_address(super().to_python(value) or "")

    def validate(self, value: str) -> None:
        """Raise ValidationError for an address that may not have an account."""
        super().validate(value)
        require_domain(value)


class KnownAddressField(EmailField):
    """The address of an account that may be there: whatever was typed for it is right."""

    def to_python(self, value: Any) -> str:
        """Return the address as it is kept; an earlier version may have kept it as it was typed."""
        typed = str(super().to_python(value) or "").lower()
        found = find_address(typed)
        return typed if typed != found and User.objects.filter(email=typed).exists() else found


class AddressForm:
    """Puts our field in the place of allauth's."""

    address_field: type[EmailField] = AddressField

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        fields: dict[str, Any] = getattr(self, "fields")  # noqa: B009  the form's, which this class is mixed into
        for name in {"email", "login"} & set(fields):
            old = fields[name]
            fields[name] = self.address_field(label=old.label, widget=old.widget, required=old.required)


class SignupForm(AddressForm, account.SignupForm):
    """Asks for an account."""


class ProviderSignupForm(AddressForm, social.SignupForm):
    """Asks for an account, after a provider has said who it is. An address that it has proven stays as it is."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        proven = {address.email for address in self.sociallogin.email_addresses if address.verified}
        self.fields["email"].disabled = self.initial.get("email") in proven


class LoginForm(AddressForm, account.LoginForm):
    """Signs in."""

    address_field = KnownAddressField


class ResetPasswordForm(AddressForm, account.ResetPasswordForm):
    """Asks for a new password."""

    address_field = KnownAddressField
