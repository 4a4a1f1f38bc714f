"""Sign-in by a provider: what it says about a person, and where it sends them back to."""

from typing import Any

from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.providers.base.constants import AuthError
from django.contrib.auth.backends import ModelBackend
from django.http import HttpRequest

from ondol.accounts.models import User
from ondol.accounts.text import clean_line
from ondol.config import Config


class UnfinishedSignIn(Exception):
    """A person who comes back from a provider without having been let in there, or too late."""


class NoPasswords(ModelBackend):
    """Keeps people signed in who came by a provider, and lets nobody in by a password."""

    def authenticate(self, *_args: Any, **_credentials: Any) -> None:
        """Return nobody."""


class SocialAccountAdapter(DefaultSocialAccountAdapter):
    """Adapts allauth to our user, who has one name, and to providers that do not answer."""

    def is_open_for_signup(self, request: HttpRequest, sociallogin: Any) -> bool:
        """Return that whoever a provider knows may ask for an account, also where passwords open nothing."""
        return True

    def populate_user(self, request: HttpRequest, sociallogin: Any, data: dict[str, Any]) -> User:
        """Return a user with the name that the provider shows."""
        user: User = super().populate_user(request, sociallogin, data)
        shown = data.get("name") or " ".join(filter(None, [data.get("first_name"), data.get("last_name")]))
        user.name = clean_line(str(shown or ""))[:100]
        return user

    def get_signup_form_initial_data(self, sociallogin: Any) -> dict[str, Any]:
        """Return what the form has in it already."""
        return {**super().get_signup_form_initial_data(sociallogin), "name": sociallogin.user.name}

    def on_authentication_error(
        self, request: HttpRequest, provider: Any, error: Any = None, exception: Any = None, extra_context: Any = None
    ) -> None:
        """Raise what allauth would show on a page that does not tell a provider that is away from a person who is late.

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
