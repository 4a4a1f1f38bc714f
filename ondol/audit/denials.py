"""Rows about denied acts, and invalid tokens: limited, since anybody can cause any number."""

from typing import Any

from django.core.cache import cache

from ondol.audit import origin
from ondol.audit.actions import Action, Outcome
from ondol.audit.origin import Person
from ondol.audit.record import write

QUIET = 600
"""The seconds in which the same refusal of a person, or of an address, is recorded only once."""


def note_denial(
    action: Action, code: str, *, by: Person | None = None, on: Person | None = None, **details: Any
) -> None:
    """Add a row, unless the same was refused within ten minutes."""
    person = by or on
    who = person.pk if person else origin.address()
    if cache.add(f"record:denied:{action}:{code}:{who}", 1, QUIET):
        write(action, by=by, on=on, outcome=Outcome.REFUSED, code=code, **details)
