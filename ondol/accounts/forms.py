"""What is asked at sign-up, by e-mail or by a provider: allauth mixes this into both of its forms."""

from typing import Any

from django import forms
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from ondol.accounts.models import User, validate_prose, validate_shown
from ondol.accounts.text import LineField, ProseField


class SignupForm(forms.Form):
    """Adds our fields to allauth's sign-up forms."""

    name = LineField(
        label=_("Name"),
        max_length=100,
        validators=[validate_shown],
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )
    affiliation = LineField(
        label=_("Affiliation"),
        max_length=200,
        validators=[validate_shown],
        widget=forms.TextInput(attrs={"autocomplete": "organization"}),
    )
    purpose = ProseField(
        label=_("What will you use the machine for?"),
        max_length=2000,
        validators=[validate_prose],
        widget=forms.Textarea(attrs={"rows": 3}),
    )
    field_order = ["name", "email", "password1", "affiliation", "purpose"]

    def fill(self, user: User) -> None:
        """Copy the answers into the user; the adapter saves them."""
        user.name = self.cleaned_data["name"]
        user.affiliation = self.cleaned_data["affiliation"]
        user.purpose = self.cleaned_data["purpose"]
        user.language = "en" if (get_language() or "").startswith("en") else "ko"

    def signup(self, request: Any, user: User) -> None:
        """Do nothing: allauth requires this hook, and everything is saved before it is called."""
