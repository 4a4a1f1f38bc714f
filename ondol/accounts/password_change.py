"""The form for another password."""

from allauth.account import forms as account
from django import forms
from django.contrib.auth.signals import user_login_failed


class ChangePasswordForm(account.ChangePasswordForm):
    """Reports a wrong old password like a failed sign-in: otherwise this form could be used to guess passwords."""

    def clean_oldpassword(self) -> str:
        """Return the old password. Raises ValidationError if it is wrong."""
        try:
            return str(super().clean_oldpassword())
        except forms.ValidationError:
            user_login_failed.send(
                sender=type(self), credentials={"email": getattr(self.user, "email", "")}, request=None
            )
            raise
