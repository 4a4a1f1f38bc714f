"""Which database is backed up or restored: that of DATABASE_URL, or the embedded one, which is started if need be."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeAlias

import psycopg
from psycopg.rows import TupleRow

from ondol.backup.archive import BackupError
from ondol.config import Config
from ondol.database.url import read
from ondol.host import extras
from ondol.host.environments import forget_libpq
from ondol.host.home import HomeError, lock
from ondol.host.postgres import EmbeddedPostgres, PostgresError

Connection: TypeAlias = psycopg.Connection[TupleRow]
Say = Callable[[str], None]


@contextmanager
def to_read(settings: Config, say: Say) -> Iterator[str]:
    """Yield the URL of the database, whether Ondol runs or not. Raises BackupError."""
    if settings.database_url:
        yield settings.database_url
        return
    forget_libpq(os.environ)
    try:
        held = lock(settings.home)
    except HomeError as error:  # `ondol up` runs, and its PostgreSQL with it
        file = settings.home / "database.url"
        if not file.exists():
            raise BackupError(f"{error} It has no database yet, or is restored at this moment.") from None
        yield file.read_text().strip()
        return
    try:
        if not (settings.home / "postgres/data").exists():
            raise BackupError(f"There is no database in {settings.home}, and DATABASE_URL is not set.")
        with _embedded(settings, say) as url:
            yield url
    finally:
        os.close(held)


@contextmanager
def to_replace(settings: Config, say: Say) -> Iterator[str]:
    """Yield the URL of the database while no `ondol up` can start on this home. Raises BackupError."""
    try:
        held = lock(settings.home)
    except HomeError as error:
        raise BackupError(f"{error} Nothing was changed.") from None
    try:
        if settings.database_url:
            yield settings.database_owner_url or settings.database_url
        else:
            forget_libpq(os.environ)
            with _embedded(settings, say) as url:
                yield url
    finally:
        os.close(held)


@contextmanager
def _embedded(settings: Config, say: Say) -> Iterator[str]:
    """Run the embedded PostgreSQL of this home within this block; it ends when we end."""
    if not extras.has_postgres():
        raise BackupError(extras.NO_POSTGRES)
    server = EmbeddedPostgres(settings.home / "postgres", say)
    logs = settings.home / "logs"
    logs.mkdir(mode=0o700, parents=True, exist_ok=True)
    log = os.open(logs / "postgres.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        server.start(log)
        yield server.url
    except PostgresError as error:
        raise BackupError(str(error)) from None
    finally:
        server.stop()
        os.close(log)


@contextmanager
def connected(url: str) -> Iterator[Connection]:
    """Connect to it. Raises BackupError with what PostgreSQL says."""
    try:
        with psycopg.connect(**read(url) | {"application_name": "ondol backup"}) as connection:
            # Override a time-out set for others by the server or its administrator: a dump may take long.
            connection.execute("SET idle_in_transaction_session_timeout = 0")
            connection.commit()
            yield connection
    except psycopg.Error as error:
        first = (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
        raise BackupError(f"PostgreSQL: {first}.") from None


def schema_of(connection: Connection) -> str:
    """Return the schema in which Ondol's tables are, or would be made. Raises BackupError."""
    row = connection.execute("SELECT current_schema()").fetchone()
    if row is None or row[0] is None:
        raise BackupError("The database has no schema in which this user could have tables. Check its search_path.")
    return str(row[0])


def has_ondol(connection: Connection) -> bool:
    """Return whether there are Ondol's tables."""
    row = connection.execute("SELECT to_regclass('instances_deployment') IS NOT NULL").fetchone()
    return bool(row and row[0])


def has_column(connection: Connection, table: str, column: str) -> bool:
    """Return whether that table has that column: earlier versions had fewer."""
    asked = "SELECT 1 FROM pg_attribute WHERE attrelid = to_regclass(%s) AND attname = %s AND NOT attisdropped"
    return connection.execute(asked, [table, column]).fetchone() is not None
