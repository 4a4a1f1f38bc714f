"""The forms with which administrators invite people."""

import json
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ondol.accounts.invited_rows import LARGEST, MOST, Row, UnreadableError, checked, decode, rows_of

ACCEPTED = ".csv,.tsv,.txt,text/csv,text/plain"
_FIELDS = ("email", "name", "affiliation", "language")


class InviteForm(forms.Form):
    """A file with people, or their rows as text."""

    file = forms.FileField(
        label=gettext_lazy("CSV file"),
        required=False,
        allow_empty_file=True,
        widget=forms.ClearableFileInput(attrs={"accept": ACCEPTED}),
    )
    text = forms.CharField(
        label=gettext_lazy("Or paste the rows"),
        required=False,
        max_length=LARGEST,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 8, "spellcheck": "false"}),
    )

    def clean(self) -> dict[str, Any]:
        """Read the rows into `rows`."""
        data = super().clean() or {}
        if self.errors:
            return data
        file, text = data.get("file"), data.get("text", "")
        if not file and not text.strip():
            raise ValidationError(_("Choose a file, or paste rows."), "nothing")
        try:
            data["rows"] = rows_of(decode(file.read(LARGEST + 1)) if file else text)
        except UnreadableError as error:
            self.add_error("file" if file else "text", str(error))
        return data


class SendForm(forms.Form):
    """The people of a preview. Each is checked as those of a file are."""

    rows = forms.CharField(max_length=LARGEST, strip=False, widget=forms.HiddenInput)

    def clean_rows(self) -> list[Row]:
        """Return the people that are to be invited."""
        try:
            found = json.loads(self.cleaned_data["rows"])
            rows = [checked(Row(line, **dict(zip(_FIELDS, cells, strict=True)))) for line, *cells in found]
        except (ValueError, TypeError, AttributeError, RecursionError):
            raise ValidationError(
                _("The list was not sent as it was shown. Read the file in again."), "broken"
            ) from None
        if not rows or len(rows) > MOST or not all(isinstance(row.line, int) for row in rows):
            raise ValidationError(_("The list was not sent as it was shown. Read the file in again."), "broken")
        return rows


def sent(rows: list[Row]) -> str:
    """Return rows as `SendForm` takes them."""
    return json.dumps([[row.line, *(getattr(row, name) for name in _FIELDS)] for row in rows], ensure_ascii=False)
