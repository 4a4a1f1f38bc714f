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
from ondol.accounts.models import User, validate_email_length


class AccountAdapter(DefaultAccountAdapter):
    """Our user has one name, and no user name."""

    def clean_email(self, email: str) -> str:
        """At sign-up, by a provider too, and where the address is changed."""
        validate_email_length(email)
        return email

    def can_delete_email(self, email_address: Any) -> bool:
        """Never the one that somebody signs in with."""
        return email_address.email.lower() != email_address.user.email.lower() and super().can_delete_email(
            email_address
        )

    def confirm_email(self, request: HttpRequest, email_address: Any) -> bool:
        """Between letter and click somebody else may have signed up with this address."""
        try:
            with transaction.atomic():
                return bool(super().confirm_email(request, email_address))
        except IntegrityError:
            messages.error(request, _("Somebody has just signed up with this address."))
            return False

    def login(self, request: HttpRequest, user: Any) -> None:
        """At the first sign-in the language chosen in this browser becomes the person's; later their own holds."""
        chosen = request.COOKIES.get(settings.LANGUAGE_COOKIE_NAME)
        if user.last_login is None and chosen in dict(settings.LANGUAGES):
            user.language = chosen
            user.save(update_fields=["language"])
        super().login(request, user)

    def save_user(self, request: HttpRequest, user: Any, form: Any, commit: bool = True) -> User:
        """What was asked at sign-up; in one transaction with the e-mail to the administrators."""
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
        """allauth's letters, by a job; those with a secret come by the two methods below."""
        letters.write_later(template_prefix, email)

    def send_password_reset_mail(self, user: Any, email: str, context: dict[str, Any]) -> None:
        """Without the link that allauth has made: the job makes its own."""
        letters.write_later(letters.RESET, email, user.pk)

    def send_confirmation_mail(self, request: HttpRequest, emailconfirmation: Any, signup: bool) -> None:
        """As above."""
        address = emailconfirmation.email_address
        letters.write_later(letters.CONFIRM_AT_SIGN_UP if signup else letters.CONFIRM, address.email, address.pk)

    def ajax_response(self, request: HttpRequest, response: Any, *args: Any, **kwargs: Any) -> Any:
        """To everybody the same page: allauth would tell scripts the whole form, with what was typed, as JSON."""
        return response

    def populate_username(self, request: HttpRequest, user: Any) -> None:
        """There is none."""


def _insert(request: HttpRequest, user: User) -> None:
    """The form has looked for the address already; here another request may have been faster."""
    try:
        with transaction.atomic():
            user.save()
            mail.send_later("request", user.pk)
    except IntegrityError:
        messages.error(request, _("Somebody has just signed up with this address."))
        raise ImmediateHttpResponse(redirect("account_signup")) from None


class SocialAccountAdapter(DefaultSocialAccountAdapter):
    """The provider's display name fills our one name field."""

    def save_user(self, request: HttpRequest, sociallogin: Any, form: Any = None) -> User:
        """As above: nobody may wait unannounced."""
        with transaction.atomic():
            user: User = super().save_user(request, sociallogin, form)
            mail.send_later("request", user.pk)
        return user

    def populate_user(self, request: HttpRequest, sociallogin: Any, data: dict[str, Any]) -> User:
        user: User = super().populate_user(request, sociallogin, data)
        user.name = data.get("name") or " ".join(filter(None, [data.get("first_name"), data.get("last_name")]))
        return user
