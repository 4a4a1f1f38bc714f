"""Forms of the account page: their fields and the limits of these. They decide nothing."""

from datetime import date, datetime, time, timedelta
from typing import Any

from django import forms
from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from ondol.accounts.models import TOKEN_DAYS, ApiToken, Scope, SshAddress, User
from ondol.accounts.text import LineField
from ondol.accounts.tokens import LIVES, scopes_of


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
    """What a new API token is for, what it may do and how long."""

    scopes = forms.TypedMultipleChoiceField(
        coerce=Scope,
        initial=[Scope.READ],
        label=_("What may it do?"),
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": _("Choose at least one.")},
    )
    days = forms.TypedChoiceField(coerce=int, initial=TOKEN_DAYS, label=_("When does it expire?"))

    class Meta:
        model = ApiToken
        fields = ["name"]
        field_classes = {"name": LineField}
        labels = {"name": _("What is it for?")}
        widgets = {"name": forms.TextInput(attrs={"autocomplete": "off"})}

    def __init__(self, owner: User, *args: Any, **kwargs: Any) -> None:
        # The page has another form with a field `name`, whose label would be for the same id.
        super().__init__(*args, **{"auto_id": "token_%s", **kwargs})
        self.fields["scopes"].choices = [(scope.value, scope.label) for scope in scopes_of(owner)]  # type: ignore[attr-defined]
        self.fields["days"].choices = [(days, _in_days(days)) for days in LIVES]  # type: ignore[attr-defined]


def _in_days(days: int) -> str:
    return ngettext("In %(days)s day", "In %(days)s days", days) % {"days": days}


class SshAddressForm(forms.ModelForm):  # type: ignore[type-arg]
    """One's own range, or the choice of the address that the request comes from."""

    one_of = ("cidr", "mine")
    cidr = forms.CharField(
        label=_("Address or range"),
        max_length=100,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "off", "placeholder": "203.0.113.7", "inputmode": "text"}),
    )
    until = forms.DateField(
        label=_("Until the end of"), required=False, widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )
    mine = forms.BooleanField(required=False, widget=forms.HiddenInput)

    class Meta:
        model = SshAddress
        fields = ["cidr", "label", "until"]
        field_classes = {"label": LineField}
        labels = {"label": _("What is it?")}
        widgets = {"label": forms.TextInput(attrs={"autocomplete": "off"})}

    def clean_until(self) -> datetime | None:
        """Return the end of that day, in the zone of the installation."""
        day = self.cleaned_data["until"]
        if day is None or day == date.max:
            return None
        return timezone.make_aware(datetime.combine(day + timedelta(days=1), time.min))


class LanguageForm(forms.Form):
    """The language switch."""

    language = forms.ChoiceField(choices=settings.LANGUAGES)
    next = forms.CharField(required=False)
