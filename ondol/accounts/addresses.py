"""allauth's forms that ask for an e-mail address, with one way to read it."""

from typing import Any
from uuid import uuid4

from allauth.account import forms as account
from allauth.account.adapter import get_adapter
from allauth.account.fields import EmailField
from allauth.socialaccount import forms as social
from django.db import transaction
from django.http import HttpRequest

from ondol.accounts.admission import require_domain
from ondol.accounts.models import User
from ondol.accounts.old_address import kept_for_owner
from ondol.accounts.text import clean_address, find_address
from ondol.config import config


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
    """The address of an account that may exist: nothing that is typed is refused."""

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


class NewAddressForm(AddressForm):
    """A form that creates an account. Whether one exists already is told by e-mail only, if e-mails prove addresses."""

    def validate_unique_email(self, value: str) -> str:
        """Return the address. If it has an account, it is refused or, where e-mails prove addresses, told by e-mail.

        allauth's own rule would also count addresses that others have not confirmed yet.
        """
        is_there = User.objects.filter(email__iexact=value).exists() or kept_for_owner(value).exists()
        if is_there and config().email_verification != "mandatory":
            raise get_adapter().validation_error("email_taken")
        self.account_already_exists = is_there
        return value


class SignupForm(NewAddressForm, account.SignupForm):
    """Asks for an account."""

    def try_save(self, request: HttpRequest) -> Any:
        """Save the account; if there is one already, do the same work and discard the result.

        Otherwise the response time would show it: hashing a password takes longer than all else.
        """
        if self.account_already_exists:
            with transaction.atomic():
                self._save_under_no_name(request)
                transaction.set_rollback(True)
        return super().try_save(request)

    def _save_under_no_name(self, request: HttpRequest) -> None:
        typed = self.cleaned_data["email"]
        self.cleaned_data["email"], self.account_already_exists = f"{uuid4().hex}@nobody.invalid", False
        try:
            self.save(request)
        finally:
            self.cleaned_data["email"], self.account_already_exists = typed, True


class ProviderSignupForm(NewAddressForm, social.SignupForm):
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

    def clean_email(self) -> str:
        """Return the address, and find its owner; people who have not confirmed it yet do not count."""
        email: str = super().clean_email()
        self.users = [user for user in self.users if user.email.lower() == email.lower()]
        return email
