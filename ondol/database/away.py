"""Whether an error means that PostgreSQL does not answer."""

import psycopg
from django.db import InterfaceError, OperationalError

_AWAY = (OperationalError, InterfaceError, psycopg.OperationalError, psycopg.InterfaceError)


def is_away(error: BaseException | None) -> bool:
    """Return whether this error, or its cause, is that the database does not answer.

    If a job cannot be enqueued, Procrastinate raises an error of its own, whose cause is psycopg's.
    """
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        if isinstance(error, _AWAY):
            return True
        seen.add(id(error))
        error = error.__cause__ or error.__context__
    return False
