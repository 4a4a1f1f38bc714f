"""How allauth meets our people."""

from typing import Any, cast

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from django.conf import settings
from django.contrib import messages
from django.db import IntegrityError, transaction
from django.http import HttpRequest
from django.shortcuts import redirect
from django.utils.translation import gettext as _

from ondol.accounts import letters, mail
from ondol.accounts.models import User, check_new_password, validate_email_length


class AccountAdapter(DefaultAccountAdapter):
    """Adapts allauth to our user, who has one name and no user name."""

    def clean_email(self, email: str) -> str:
        """Return an address that is not too long. allauth asks at sign-up, also by a provider, and when it is
        changed."""
        validate_email_length(email)
        return email

    def clean_password(self, password: str, user: Any = None) -> str:
        """Return a new password that is good enough. allauth asks wherever one is chosen."""
        check_new_password(password, user)
        return password

    def can_delete_email(self, email_address: Any) -> bool:
        """Return whether an address may be deleted: never the one that somebody signs in with."""
        return email_address.email.lower() != email_address.user.email.lower() and super().can_delete_email(
            email_address
        )

    def confirm_email(self, request: HttpRequest, email_address: Any) -> bool:
        """Confirm an address, unless somebody else has signed up with it since the e-mail was sent."""
        try:
            with transaction.atomic():
                return bool(super().confirm_email(request, email_address))
        except IntegrityError:
            messages.error(request, _("Somebody has just signed up with this address."))
            return False

    def login(self, request: HttpRequest, user: Any) -> None:
        """Sign in.

        The first time, the language chosen in this browser becomes the person's; later their own language wins.
        """
        chosen = request.COOKIES.get(settings.LANGUAGE_COOKIE_NAME)
        if user.last_login is None and chosen in dict(settings.LANGUAGES):
            user.language = chosen
            user.save(update_fields=["language"])
        super().login(request, user)

    def save_user(self, request: HttpRequest, user: Any, form: Any, commit: bool = True) -> User:
        """Save the answers of the sign-up form, in one transaction with the e-mail to the administrators."""
        user.email = form.cleaned_data["email"]
        form.fill(user)
        if password := form.cleaned_data.get("password1"):
            user.set_password(password)
        else:
            user.set_unusable_password()
        if commit:
            _insert(request, user)
        return cast(User, user)

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Enqueue one of allauth's e-mails; those with a secret come by the two methods below."""
        letters.write_later(template_prefix, email)

    def send_password_reset_mail(self, user: Any, email: str, context: dict[str, Any]) -> None:
        """Enqueue the e-mail without the link that allauth has made: the job makes its own."""
        letters.write_later(letters.RESET, email, user.pk)

    def send_confirmation_mail(self, request: HttpRequest, emailconfirmation: Any, signup: bool) -> None:
        """Enqueue the e-mail without the link that allauth has made: the job makes its own."""
        address = emailconfirmation.email_address
        letters.write_later(letters.CONFIRM_AT_SIGN_UP if signup else letters.CONFIRM, address.email, address.pk)

    def ajax_response(self, request: HttpRequest, response: Any, *args: Any, **kwargs: Any) -> Any:
        """Return the same page to everybody: allauth would send scripts the whole form as JSON, with what was typed."""
        return response

    def populate_username(self, request: HttpRequest, user: Any) -> None:
        """Do nothing: our user has no user name."""


def _insert(request: HttpRequest, user: User) -> None:
    """Insert the user. The form has checked the address already, but another request may have been faster."""
    try:
        with transaction.atomic():
            user.save()
            mail.send_later("request", user.pk)
    except IntegrityError:
        messages.error(request, _("Somebody has just signed up with this address."))
        raise ImmediateHttpResponse(redirect("account_signup")) from None


class SocialAccountAdapter(DefaultSocialAccountAdapter):
    """Puts the provider's display name into our one name field."""

    def save_user(self, request: HttpRequest, sociallogin: Any, form: Any = None) -> User:
        """Save the user, in one transaction with the e-mail to the administrators: nobody may wait unannounced."""
        with transaction.atomic():
            user: User = super().save_user(request, sociallogin, form)
            mail.send_later("request", user.pk)
        return user

    def populate_user(self, request: HttpRequest, sociallogin: Any, data: dict[str, Any]) -> User:
        user: User = super().populate_user(request, sociallogin, data)
        user.name = data.get("name") or " ".join(filter(None, [data.get("first_name"), data.get("last_name")]))
        return user
