"""Rows about what somebody may not do, or a token that opens nothing: few of them, since anybody can ask for more."""

from typing import Any

from django.core.cache import cache

from ondol.audit import origin
from ondol.audit.actions import Action, Outcome
from ondol.audit.origin import Person
from ondol.audit.record import write

QUIET = 600
"""The seconds until the same refusal of the same person, or else from the same address, is another row."""


def note_denial(
    action: Action, code: str, *, by: Person | None = None, on: Person | None = None, **details: Any
) -> None:
    """Add a row, unless the same was refused within ten minutes."""
    person = by or on
    who = person.pk if person else origin.address()
    if cache.add(f"record:denied:{action}:{code}:{who}", 1, QUIET):
        write(action, by=by, on=on, outcome=Outcome.REFUSED, code=code, **details)
