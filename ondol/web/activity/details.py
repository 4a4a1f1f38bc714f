"""The details of a row, read with their expected types.

Rows of other versions, or of somebody who can write to the database, may have any details: unknown ones are left out.
"""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from django.db.models import TextChoices
from django.utils.functional import Promise

from ondol import dates

Words = Mapping[str, str | Promise]


class Details:
    """The details of a row; a name that is missing, or has another type, is an empty text."""

    def __init__(self, values: object) -> None:
        self._values: Mapping[str, Any] = values if isinstance(values, dict) else {}

    def get(self, name: str) -> Any:
        return self._values.get(name)

    def text(self, name: str) -> str:
        return text_of(self.get(name))

    def word(self, name: str, words: Words) -> str:
        """Return the word for a value that is one of a few."""
        return _word(self.get(name), words)

    def label(self, name: str, choices: type[TextChoices]) -> str:
        """Return the label of a value of a model."""
        return _word(self.get(name), dict(choices.choices))

    def words(self, name: str, words: Words) -> str:
        """Return the words of a list of such values."""
        values = self.get(name)
        return ", ".join(filter(None, (_word(one, words) for one in values))) if isinstance(values, list) else ""

    def number(self, name: str) -> int:
        value = self.get(name)
        return value if isinstance(value, int) and not isinstance(value, bool) else 0

    def part(self, name: str) -> "Details":
        return Details(self.get(name))

    def moment(self, name: str) -> str:
        """Return a time with its zone."""
        try:
            found = datetime.fromisoformat(self.text(name))
            return dates.full(found) if found.tzinfo else ""
        except (ValueError, OverflowError):
            return ""

    def day(self, name: str) -> str:
        try:
            return dates.day(date.fromisoformat(self.text(name)))
        except ValueError:
            return ""


def text_of(value: object) -> str:
    """Return a text on one line."""
    return " ".join(value.split()) if isinstance(value, str) else ""


def _word(value: object, words: Words) -> str:
    return str(words[value]) if isinstance(value, str) and value in words else ""
