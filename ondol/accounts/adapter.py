"""How allauth meets our people."""

from typing import Any, cast

from allauth.account.adapter import DefaultAccountAdapter
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from django.http import HttpRequest

from ondol.accounts.models import User


class AccountAdapter(DefaultAccountAdapter):
    """Our user has one name, and no user name."""

    def save_user(self, request: HttpRequest, user: Any, form: Any, commit: bool = True) -> User:
        """E-mail, password, name; `forms.SignupForm.signup` adds the rest in the same request."""
        user.email = form.cleaned_data["email"]
        user.name = form.cleaned_data.get("name", "").strip()
        if password := form.cleaned_data.get("password1"):
            user.set_password(password)
        else:
            user.set_unusable_password()
        if commit:
            user.save()
        return cast(User, user)

    def populate_username(self, request: HttpRequest, user: Any) -> None:
        """There is none."""


class SocialAccountAdapter(DefaultSocialAccountAdapter):
    """The provider's display name fills our one name field."""

    def populate_user(self, request: HttpRequest, sociallogin: Any, data: dict[str, Any]) -> User:
        user: User = super().populate_user(request, sociallogin, data)
        user.name = data.get("name") or " ".join(filter(None, [data.get("first_name"), data.get("last_name")]))
        return user
