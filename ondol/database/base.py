"""Django's engine for PostgreSQL, whose connections wait for an answer for a limited time.

If packets are dropped by a firewall, or a pooler or the server's disk hangs, no answer comes, and each thread would
wait for ever. `limit_waiting` sets a limit for this process; `ondol migrate`, whose statements may take long, has none.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from django.db.backends.postgresql import base
from psycopg import IsolationLevel, errors
from psycopg.pq import TransactionStatus

from ondol.database.still_open import ensure_open

_FROZEN = "SET idle_in_transaction_session_timeout = '10s'"
"""A time-out for frozen workers: in a transaction, one holds its locks, and blocks the worker that takes over its jobs.
Our transactions wait for nothing but PostgreSQL, so ten seconds are ample. It is set once connected: PgBouncer refuses
it as a parameter of the connection."""

_limit: float | None = None
_silent_since: float | None = None
"""Since when this process has been asking PostgreSQL without any answer."""


def limit_waiting(seconds: float) -> None:
    """Limit how long each statement of this process may wait for its answer."""
    global _limit
    _limit = seconds


def silent_for() -> float:
    """Return for how many seconds PostgreSQL has answered nothing that this process has asked."""
    since = _silent_since
    return 0.0 if since is None else time.monotonic() - since


@contextmanager
def _noted() -> Iterator[None]:
    global _silent_since
    if _silent_since is None:
        _silent_since = time.monotonic()
    try:
        yield
    except psycopg.OperationalError:  # a connection that is refused, or lost, or that nobody answers
        raise
    except BaseException:
        _silent_since = None
        raise
    _silent_since = None


def _forget_values(error: psycopg.DatabaseError) -> None:
    """Keep only an error's first line: the others quote the statement and the refused row, and would get into logs."""
    if first := error.diag.message_primary:
        error.args = (first,)


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
                self.pgconn.finish()  # a late answer would be taken for the answer to the next statement
                raise psycopg.OperationalError(f"PostgreSQL has not answered for {_limit:g} s") from None
            except errors.IdleInTransactionSessionTimeout as error:  # an InternalError, by its class in psycopg
                raise psycopg.OperationalError(error.diag.message_primary or "") from None
            except psycopg.DatabaseError as error:
                _forget_values(error)
                raise


class DatabaseWrapper(base.DatabaseWrapper):
    """Django's wrapper, with our connections."""

    def get_new_connection(self, conn_params: dict[str, Any]) -> Connection:
        """Connect to the first host that accepts us."""
        self.isolation_level = IsolationLevel.READ_COMMITTED
        with _noted():
            connection = Connection.connect(autocommit=True, **conn_params)
        connection.execute(_FROZEN)
        connection.prepare_threshold = 0  # `kept` prepares its statements; Django's own cursors never do
        return connection

    def is_usable(self) -> bool:
        """Return whether the connection is open; Django asks so at the beginning of each request and each job."""
        try:
            ensure_open(self.connection)
        except psycopg.Error:
            return False
        return self.connection.info.transaction_status in {TransactionStatus.IDLE, TransactionStatus.INTRANS}
