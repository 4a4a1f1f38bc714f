"""Django's engine for PostgreSQL, whose connections wait for an answer for a limited time.

A way that swallows everything (a firewall, a pooler that hangs, a server whose disk does) acknowledges packets or not,
and answers nothing: without a limit of our own, each thread waits for it for ever. `limit_waiting` sets that limit for
this process; `ondol migrate`, whose statements may take long, has none.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from django.db.backends.postgresql import base
from psycopg import IsolationLevel, errors

_FROZEN = "SET idle_in_transaction_session_timeout = '10s'"
"""A time-out for frozen workers: one in a transaction holds its locks, and so blocks whoever would take its jobs over.
Our transactions wait for nothing but PostgreSQL, so ten seconds are ample. It is set once connected: PgBouncer refuses
it as a parameter of the connection."""

_limit: float | None = None
_waiting: dict[int, float] = {}
"""The threads that wait for PostgreSQL, and since when."""


def limit_waiting(seconds: float) -> None:
    """Limit how long each statement of this process may wait for its answer."""
    global _limit
    _limit = seconds


def longest_wait() -> float:
    """Return for how many seconds a thread of this process has been waiting for PostgreSQL; 0 if none is."""
    return max((time.monotonic() - since for since in list(_waiting.values())), default=0.0)


@contextmanager
def _noted() -> Iterator[None]:
    thread = threading.get_ident()
    _waiting[thread] = time.monotonic()
    try:
        yield
    finally:
        _waiting.pop(thread, None)


class Connection(psycopg.Connection[Any]):
    """A connection that is closed, with OperationalError, where an answer takes too long."""

    def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
        """Wait for an answer, not longer than the limit; psycopg waits here for each statement, commit and rollback."""
        with _noted():
            try:
                return super().wait(gen, interval=interval, timeout=timeout or _limit)
            except errors._WaitTimeout:
                if timeout:
                    raise
                self.pgconn.finish()  # an answer that comes later would be taken for that to the next statement
                raise psycopg.OperationalError(f"PostgreSQL has not answered for {_limit:g} s") from None


class DatabaseWrapper(base.DatabaseWrapper):
    """Django's, with connections of ours."""

    def get_new_connection(self, conn_params: dict[str, Any]) -> Connection:
        """Connect to the first host that takes us."""
        self.isolation_level = IsolationLevel.READ_COMMITTED
        with _noted():
            connection = Connection.connect(autocommit=True, **conn_params)
        connection.execute(_FROZEN)
        return connection
