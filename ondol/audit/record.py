"""Writing the record: a change in the transaction that makes it, a refusal in one of its own.

No secret is ever a detail: no key, token, password, code or link.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

from ondol.audit import origin
from ondol.audit.actions import Action, Outcome
from ondol.audit.models import Entry
from ondol.audit.origin import Person, asker

P = ParamSpec("P")
R = TypeVar("R")
Who = TypeVar("Who", bound=Person)

_within: ContextVar[bool] = ContextVar("within", default=False)
"""Whether an outer act records its refusal already: an inner act then writes no second row."""


class Refusal(Exception):
    """An act that is not allowed, or cannot be done now; `code` says why, for programs."""

    code: str


def write(
    action: Action,
    *,
    by: Person | None = None,
    on: Person | None = None,
    outcome: Outcome = Outcome.DONE,
    code: str = "",
    **details: Any,
) -> Entry:
    """Add a row, in the caller's transaction. `by` did it, and it was about `on`; the details are JSON."""
    return Entry.objects.create(
        action=action,
        outcome=outcome,
        code=code[:80],
        by_id=by.pk if by else None,
        by_email=by.email if by else "",
        on_id=on.pk if on else None,
        on_email=on.email if on else "",
        details={name: value for name, value in details.items() if value not in (None, "")},
        **origin.fields(),
    )


@contextmanager
def refusals(action: Action, *, by: Person | None, on: Person | None = None, **details: Any) -> Iterator[None]:
    """Add a row if the act within is refused; outside of the act's transaction, which is rolled back."""
    if _within.get():
        yield
        return
    token = _within.set(True)
    try:
        yield
    except Refusal as refusal:
        write(action, by=by, on=on, outcome=Outcome.REFUSED, code=refusal.code, **details)
        raise
    finally:
        _within.reset(token)


def refusals_of(
    action: Action,
) -> Callable[[Callable[Concatenate[Who, P], R]], Callable[Concatenate[Who, P], R]]:
    """Decorate an act on the machine or the account of its first argument, done by them or by the argument `by`."""

    def decorate(act: Callable[Concatenate[Who, P], R]) -> Callable[Concatenate[Who, P], R]:
        @wraps(act)
        def told(person: Who, /, *args: P.args, **kwargs: P.kwargs) -> R:
            by: Any = kwargs.get("by") or person
            with refusals(action, by=by, on=person):
                return act(person, *args, **kwargs)

        return told

    return decorate


__all__ = ["Action", "Outcome", "Refusal", "asker", "refusals", "refusals_of", "write"]
