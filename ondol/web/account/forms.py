"""Forms of the account page: their fields and the limits of these. They decide nothing."""

from django import forms
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from ondol.accounts.models import ApiToken, User
from ondol.accounts.text import LineField


class AccountForm(forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable at run time
    """What people may change about themselves."""

    class Meta:
        model = User
        fields = ["name", "affiliation", "language"]
        field_classes = {"name": LineField, "affiliation": LineField}
        labels = {"name": _("Name"), "affiliation": _("Affiliation"), "language": _("Language")}
        widgets = {
            "name": forms.TextInput(attrs={"autocomplete": "name"}),
            "affiliation": forms.TextInput(attrs={"autocomplete": "organization"}),
        }


class TokenForm(forms.ModelForm):  # type: ignore[type-arg]
    """A name for a new API token."""

    class Meta:
        model = ApiToken
        fields = ["name"]
        field_classes = {"name": LineField}
        labels = {"name": _("What is it for?")}
        widgets = {"name": forms.TextInput(attrs={"autocomplete": "off"})}


class LanguageForm(forms.Form):
    """The language switch."""

    language = forms.ChoiceField(choices=settings.LANGUAGES)
    next = forms.CharField(required=False)
