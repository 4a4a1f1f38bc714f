"""Sign-in by a provider: what it says about a person, and where it sends them back to."""

import time
from typing import Any

from allauth.account import app_settings
from allauth.core import context
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.internal.flows.login import record_authentication
from allauth.socialaccount.models import SocialAccount
from allauth.socialaccount.providers.base.constants import AuthError, AuthProcess
from django.contrib import messages
from django.contrib.auth.backends import ModelBackend
from django.http import HttpRequest
from django.shortcuts import redirect
from django.utils.translation import gettext as _

from ondol.accounts import invitations
from ondol.accounts.models import User
from ondol.accounts.recent import signed_in_recently
from ondol.accounts.text import clean_line
from ondol.config import Config, config

ASK_AGAIN = {
    "google": {"prompt": "select_account"},  # Google has no way to ask for a new sign-in
    "kakao": {"prompt": "login"},
    "naver": {"auth_type": "reauthenticate"},
    "oidc": {"prompt": "login", "max_age": "0"},
}
"""The parameters with which a provider asks for a sign-in even if the person is signed in there."""


class UnfinishedSignIn(Exception):
    """Raised when a person comes back from a provider without having signed in there, or too late."""


class NoPasswords(ModelBackend):
    """Keeps people signed in who came by a provider, and lets nobody in by a password."""

    def authenticate(self, *_args: Any, **_credentials: Any) -> None:
        """Return nobody."""


class SocialAccountAdapter(DefaultSocialAccountAdapter):
    """Adapts allauth to our user, who has one name, and to providers that do not answer."""

    def list_apps(self, request: HttpRequest, provider: Any = None, client_id: Any = None) -> list[Any]:
        """Return the providers of the settings alone. allauth adds those of its table, in which a row would be another
        issuer that signs anybody in, at an address that we would fetch."""
        return [app for app in super().list_apps(request, provider, client_id) if app.pk is None]

    def is_open_for_signup(self, request: HttpRequest, sociallogin: Any) -> bool:
        """Return True: whoever a provider knows may ask for an account, also where there are no passwords."""
        return True

    def pre_social_login(self, request: HttpRequest, sociallogin: Any) -> None:
        """Note that a signed-in person has signed in again at their provider; connect no account without a recent
        sign-in.

        allauth would sign them out and in again, and forget what waits in their session. And it asks nobody without a
        password, though a thief of the session may have begun to connect the account.
        """
        if sociallogin.state.get("process") == AuthProcess.CONNECT and not signed_in_recently(request):
            messages.error(request, _("Nothing was connected: your sign-in was too long ago. Connect it once more."))
            raise ImmediateHttpResponse(redirect("socialaccount_connections"))
        is_again = request.user.is_authenticated and sociallogin.is_existing and sociallogin.user == request.user
        if not is_again or sociallogin.state.get("process") != AuthProcess.LOGIN:
            return
        if _was_asked_long_ago(sociallogin.account.extra_data):
            text = _("%(name)s has not asked you again. Sign out there, then try once more.")
            messages.error(request, text % {"name": name_of(config(), sociallogin.account.provider)})
            raise ImmediateHttpResponse(redirect("step_up_providers"))
        record_authentication(request, sociallogin)
        raise ImmediateHttpResponse(redirect(sociallogin.get_redirect_url(request) or "dashboard"))

    def authenticate_by_email(self, sociallogin: Any) -> tuple[Any, str] | None:
        """Return whose account is opened: by a trusted address, or by an invitation that was opened in this browser.

        The link of an invitation proves its address, whatever address the provider knows.
        """
        invited = invitations.take_opened(context.request)
        if invited is None:
            found: tuple[Any, str] | None = super().authenticate_by_email(sociallogin)
            return found
        return invited, invited.email

    def populate_user(self, request: HttpRequest, sociallogin: Any, data: dict[str, Any]) -> User:
        """Return a user with the name that the provider shows."""
        user: User = super().populate_user(request, sociallogin, data)
        shown = data.get("name") or " ".join(filter(None, [data.get("first_name"), data.get("last_name")]))
        user.name = clean_line(str(shown or ""))[:100]
        return user

    def get_signup_form_initial_data(self, sociallogin: Any) -> dict[str, Any]:
        """Return the initial values of the form."""
        return {**super().get_signup_form_initial_data(sociallogin), "name": sociallogin.user.name}

    def on_authentication_error(
        self, request: HttpRequest, provider: Any, error: Any = None, exception: Any = None, extra_context: Any = None
    ) -> None:
        """Raise the error: allauth's own page does not distinguish an unreachable provider from a person who is late.

        `ondol.web.errors.providers` has a page for each.
        """
        if exception is not None:
            raise exception
        if error != AuthError.CANCELLED:
            raise UnfinishedSignIn


def redirect_uri(settings: Config, provider: str) -> str:
    """Return the address that a provider has to know, to which it sends people back."""
    path = "oidc/oidc" if provider == "oidc" else provider
    return f"{settings.url}/accounts/{path}/login/callback/"


def name_of(settings: Config, provider: str) -> str:
    """Return what people call a provider."""
    return settings.oidc_name if provider == "oidc" else provider.capitalize()


def accounts_of(user: User) -> list[str]:
    """Return the providers, of those offered, by which somebody may come in."""
    has = set(SocialAccount.objects.filter(user=user).values_list("provider", flat=True))
    return [provider for provider in config().social_providers if provider in has]


def _was_asked_long_ago(told: dict[str, Any]) -> bool:
    """Return whether an OpenID Connect issuer says that its own sign-in is too old; others say nothing of it."""
    at = (told.get("id_token") or {}).get("auth_time")
    return isinstance(at, int | float) and time.time() - at > app_settings.REAUTHENTICATION_TIMEOUT
