"""The forms with which administrators invite people."""

import json
from dataclasses import replace
from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ondol.accounts.invited_rows import LARGEST, LARGEST_PASTED, MOST, Row, UnreadableError, checked, decode, rows_of

ACCEPTED = ".csv,.tsv,.txt,text/csv,text/plain"
_FIELDS = ("email", "name", "affiliation", "language")


_TOO_LARGE = gettext_lazy("This is larger than 1 MB.")


def _at_most(size: int) -> dict[str, Any]:
    """Return what the script of the page checks before anything is sent."""
    return {"data-largest": size, "data-too-large": _TOO_LARGE}


def languages() -> list[tuple[str, str]]:
    """Return the choices for the language of somebody who is invited."""
    return [("", _("Not chosen")), *settings.LANGUAGES]


class InviteForm(forms.Form):
    """A file with people, or their rows as text, and the language for rows without one."""

    one_of = ("file", "text")
    file = forms.FileField(
        label=gettext_lazy("CSV file"),
        required=False,
        allow_empty_file=True,
        widget=forms.ClearableFileInput(attrs={"accept": ACCEPTED, **_at_most(LARGEST)}),
    )
    text = forms.CharField(
        label=gettext_lazy("Or paste the rows"),
        required=False,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 8, "spellcheck": "false", **_at_most(LARGEST_PASTED)}),
    )
    language = forms.ChoiceField(
        label=gettext_lazy("Language"),
        required=False,
        choices=languages,
        help_text=gettext_lazy(
            "Of those whose line names none. A language that is chosen stays until they choose another one. Otherwise "
            "the e-mail is in the language of this installation, and pages follow their browser."
        ),
    )

    def clean_text(self) -> str:
        """Refuse a text that is too large: with a limit on the field, browsers would silently cut it off."""
        text: str = self.cleaned_data["text"]
        if len(text.encode("utf-8", "replace")) > LARGEST_PASTED:
            raise ValidationError(_TOO_LARGE, "too_large")
        return text

    def clean(self) -> dict[str, Any]:
        """Read the rows into `rows`, and the text of a file into `text`."""
        data = super().clean() or {}
        if self.errors:
            return data
        file, text = data.get("file"), data.get("text", "")
        if not file and not text.strip():
            raise ValidationError(_("Choose a file, or paste rows."), "nothing")
        try:
            data["text"] = decode(file.read(LARGEST + 1)) if file else text
            rows = rows_of(data["text"])
        except UnreadableError as error:
            self.add_error("file" if file else "text", str(error))
            return data
        data["rows"] = [replace(row, language=row.language or data["language"]) for row in rows]
        return data


class SendForm(forms.Form):
    """The people of a preview, with the languages that were chosen there. Each is checked like a row of a file."""

    rows = forms.CharField(max_length=LARGEST, strip=False, widget=forms.HiddenInput)

    def clean_rows(self) -> list[Row]:
        """Return the people to be invited."""
        try:
            found = json.loads(self.cleaned_data["rows"])
            rows = [self._row(n, line, cells) for n, (line, *cells) in enumerate(found)]
        except (ValueError, TypeError, AttributeError, RecursionError):
            raise _broken() from None
        if not rows or len(rows) > MOST or not all(isinstance(row.line, int) and not row.error for row in rows):
            raise _broken()
        return rows

    def _row(self, number: int, line: int, cells: list[str]) -> Row:
        row = Row(line, **dict(zip(_FIELDS, cells, strict=True)))
        return checked(replace(row, language=self.data.get(language_of(number), row.language)))


def language_of(number: int) -> str:
    """Return the name of the field with the language of a row of the preview."""
    return f"language-{number}"


def sent(rows: list[Row]) -> str:
    """Return rows as `SendForm` takes them."""
    return json.dumps([[row.line, *(getattr(row, name) for name in _FIELDS)] for row in rows], ensure_ascii=False)


def _broken() -> ValidationError:
    return ValidationError(_("The list was not sent as it was shown. Read the file in again."), "broken")
