"""What people type, in the one form that is kept: letters that nobody sees make two texts that look the same.

Harmless ones, which web pages and Word leave in what is copied, are dropped. Any other is refused by its name.
"""

import unicodedata
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

_DROPPED = dict.fromkeys(map(ord, "\u00ad\u200b\u2060\ufeff"))
"""Soft hyphen, zero-width space, word joiner, byte-order mark: they only say where a line may break."""
JOINERS = frozenset("\u200c\u200d") | frozenset(map(chr, (*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0))))
"""Emoji, Persian and variants of Chinese characters need them."""
_BLANK = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2065\u2800\u3164\uffa0")
"""Hangul fillers and others that Unicode does not count among its format characters."""
_SEEN = frozenset(map(chr, (*range(0x600, 0x606), 0x6DD, 0x70F, 0x890, 0x891, 0x8E2, 0x110BD, 0x110CD)))
"""Format characters that are drawn: Arabic and Kaithi number signs."""
_LATIN_LIKE = ("CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE", "COPTIC", "LISU")
"""Scripts with letters that look like Latin ones."""


def clean(text: str) -> str:
    """Return the text composed (NFC), without harmless invisible characters and without blanks at its ends."""
    return unicodedata.normalize("NFC", text.translate(_DROPPED)).strip()


def clean_line(text: str) -> str:
    """Return the same for one line: a blank of any width is one space."""
    return "".join(" " if unicodedata.category(letter) == "Zs" else letter for letter in clean(text)).strip()


def refuse_invisible(text: str, permitted: frozenset[str] = frozenset()) -> None:
    """Raise ValidationError that names the first invisible character, bidi controls included."""
    for letter in text:
        if _is_invisible(letter) and letter not in permitted:
            code = f"U+{ord(letter):04X} {unicodedata.name(letter, '')}".strip()
            raise ValidationError(
                _("It contains an invisible character: %(character)s. Delete it, or retype the text."),
                "invisible",
                {"character": code},
            )


def clean_address(typed: str) -> str:
    """Return an e-mail address as it is kept: in small letters of usual width, its domain as it is read.

    Raises ValidationError for what cannot be seen, and for a domain whose letters only look like Latin ones.
    """
    text = typed.strip()
    refuse_invisible(text)
    # NFKC makes the usual letters of full-width ones; it leaves the full stop of Chinese, which IDNA takes for a dot.
    text = unicodedata.normalize("NFKC", text).replace("\u3002", ".").strip().lower()
    local, at, domain = text.rpartition("@")
    labels = [unicodedata.normalize("NFC", _read(label)) for label in domain.split(".")]
    for label in labels:
        refuse_invisible(label)
        _refuse_two_scripts(label)
    return local + at + ".".join(labels)


def find_address(typed: str) -> str:
    """Return the same of an address that may be known already: nothing is refused, all that is invisible dropped."""
    seen = "".join(letter for letter in typed if not _is_invisible(letter))
    try:
        return clean_address(seen)
    except ValidationError:
        return typed.strip().lower()


def password_forms(typed: str) -> list[str]:
    """Return the forms in which a password may have been stored: first that of new ones, then what was typed.

    Keyboards differ: macOS may send Hangul in pieces (NFD), an input method digits of full width.
    """
    forms_of = (unicodedata.normalize(form, typed) for form in ("NFKC", "NFC", "NFD"))
    first, *others = forms_of
    return list(dict.fromkeys((first, typed, *others)))


class LineField(forms.CharField):
    """A name, or another text of one line."""

    def to_python(self, value: Any) -> str:
        """Return the text in the form that is kept."""
        return clean_line(super().to_python(value) or "")


class ProseField(forms.CharField):
    """A text of several lines."""

    def to_python(self, value: Any) -> str:
        """Return the text in the form that is kept."""
        return clean(super().to_python(value) or "")


def _is_invisible(letter: str) -> bool:
    if letter in _BLANK or letter in JOINERS or 0xE0000 <= ord(letter) <= 0xE0FFF:
        return True
    return unicodedata.category(letter) == "Cf" and letter not in _SEEN


def _read(label: str) -> str:
    """Return a label of a domain as people read it, also if it was typed in punycode."""
    try:
        return label.encode("ascii").decode("idna") if label.startswith("xn--") else label
    except UnicodeError:
        return label


def _refuse_two_scripts(label: str) -> None:
    scripts = {unicodedata.name(letter, "").partition(" ")[0] for letter in label if letter.isalpha()}
    if "LATIN" in scripts and scripts.intersection(_LATIN_LIKE):
        raise ValidationError(
            _("This address mixes look-alike letters of two scripts: %(label)s."),
            "two_scripts",
            {"label": label},
        )
