"""The application's role, as which tests in this process use the database: a query that needs more than it has fails.

Django makes, migrates and empties the database of tests; that is the owner's, as it is outside of tests.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection

from ondol.database import roles

_COMES_AS = {"options": f"-c role={roles.SUGGESTED}"}


@contextmanager
def application() -> Iterator[None]:
    """Let each connection of this process come as the application, whose role is given what it needs."""
    connection.ensure_connection()
    with connection.cursor() as cursor:
        cursor.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
        (may_become_anybody,) = cursor.fetchone()
    if not may_become_anybody:  # a DATABASE_URL of somebody's own
        yield
        return
    if not roles.is_there(connection.connection, roles.SUGGESTED):
        roles.make(connection.connection, roles.SUGGESTED, "")
    roles.grant(connection.connection, roles.SUGGESTED)
    before = dict(connection.settings_dict["OPTIONS"])
    operations = type(connection.ops)
    flush = operations.execute_sql_flush
    operations.execute_sql_flush = lambda ops, statements: _as_owner(flush, ops, statements)
    connection.settings_dict["OPTIONS"] |= _COMES_AS
    connection.close()
    yield
    operations.execute_sql_flush = flush
    connection.settings_dict["OPTIONS"] = before
    connection.close()


@contextmanager
def owner() -> Iterator[None]:
    """Let this connection be the owner's meanwhile: for migrations, and for what Django itself empties."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user")
        (before,) = cursor.fetchone()
        cursor.execute("SET ROLE NONE")
    yield
    if connection.needs_rollback:  # which takes the role back too
        return
    with connection.cursor() as cursor:
        cursor.execute(f'SET ROLE "{before}"')


def _as_owner(flush: Any, operations: Any, statements: list[str]) -> None:
    """Empty the tables, and stay the owner: Django then writes what each database begins with, and closes the
    connection."""
    with operations.connection.cursor() as cursor:
        cursor.execute("SET ROLE NONE")
    # Procrastinate's tables are none of Django's: what a browser's test has enqueued would be there for the next one.
    flush(operations, [*statements, "TRUNCATE procrastinate_jobs CASCADE"] if statements else statements)
