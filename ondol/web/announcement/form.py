"""The form of an announcement."""

from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.utils.translation import gettext as _

from ondol import clock
from ondol.accounts.models import validate_prose
from ondol.accounts.text import ProseField
from ondol.announcements.models import LONGEST, Announcement

_LONGEST_TIME = timedelta(days=366)


class AnnouncementForm(forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable at run time
    """A text in one or two languages, its kind and its end."""

    one_of = ("text_ko", "text_en")

    text_ko = ProseField(
        label=Announcement._meta.get_field("text_ko").verbose_name,
        max_length=LONGEST,
        required=False,
        validators=[validate_prose],
        widget=forms.Textarea(attrs={"rows": 3, "lang": "ko"}),
    )
    text_en = ProseField(
        label=Announcement._meta.get_field("text_en").verbose_name,
        max_length=LONGEST,
        required=False,
        validators=[validate_prose],
        widget=forms.Textarea(attrs={"rows": 3, "lang": "en"}),
    )

    class Meta:
        model = Announcement
        fields = ["text_ko", "text_en", "kind", "until", "on_sign_in"]
        widgets = {"until": forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")}

    def clean_until(self) -> datetime:
        """Return an end that comes within a year."""
        until: datetime = self.cleaned_data["until"]
        if not clock.now() < until <= clock.now() + _LONGEST_TIME:
            raise forms.ValidationError(_("Give a time from now on, within a year."), "until")
        return until

    def clean(self) -> dict[str, Any]:
        """Ask for a text in one language at least."""
        data = super().clean() or {}
        if not self.errors and not (data.get("text_ko") or data.get("text_en")):
            raise forms.ValidationError(_("Write a text in one language at least."), "no_text")
        return data
