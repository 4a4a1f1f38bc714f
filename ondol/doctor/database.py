"""Whether this PostgreSQL, and the connection to it, can do what Ondol needs. Not every database that answers can."""

import uuid
from collections.abc import Iterator

import psycopg
from django.db import connection

from ondol.config import config
from ondol.database import roles, server_log
from ondol.database.base import Connection
from ondol.database.url import read
from ondol.deployment import schema
from ondol.doctor.findings import Finding, Level, failed, ok, warning

OLDEST, NEWEST = 15, 18
"""The major versions of PostgreSQL that Ondol is tested with, and those between them."""
_TOLD = 5
"""The most privileges that a finding names."""
HEARD_WITHIN = 3.0
"""The seconds that a notification may take. Where it arrives at all, it takes milliseconds."""


def check() -> Iterator[Finding]:
    """Check server and schema; nothing is changed."""
    found = [*server(), *_schema()]
    if all(finding.level is not Level.FAILED for finding in found):  # an older schema has other tables
        found += role()
    found += _log()
    yield from found
    if all(finding.level is not Level.FAILED for finding in found):
        yield ok("database", "sound", version=_version())


def server() -> Iterator[Finding]:
    """Check version, encoding, whether it takes writes, and whether a pooler in front breaks LISTEN."""
    connection.ensure_connection()
    raw: psycopg.Connection = connection.connection
    encoding = raw.info.parameter_status("server_encoding") or ""
    major = raw.info.server_version // 10_000
    if major < OLDEST:
        yield failed("database", "too_old", version=_version(), oldest=OLDEST)
    elif major > NEWEST:
        yield warning("database", "too_new", version=_version(), oldest=OLDEST, newest=NEWEST)
    if encoding.upper() != "UTF8":
        yield failed("database", "encoding", encoding=encoding, name=raw.info.dbname)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_is_in_recovery(), current_setting('default_transaction_read_only')::bool")
        is_standby, is_read_only = cursor.fetchone()
    if is_standby or is_read_only:
        yield failed("database", "read_only")
    elif major >= OLDEST and not hears():
        yield failed("database", "pooler")


def hears() -> bool:
    """Return whether a notification reaches a listening connection; behind a transaction-mode pooler none does."""
    channel = f"ondol_{uuid.uuid4().hex}"
    parameters = read(config().database_url)
    with Connection.connect(**parameters, autocommit=True) as listener:
        listener.execute(f'LISTEN "{channel}"')  # a pooler in that mode gives the server's connection away after this
        with Connection.connect(**parameters, autocommit=True) as speaker:
            speaker.execute("SELECT pg_notify(%s, '')", [channel])
            return any(True for _ in listener.notifies(timeout=HEARD_WITHIN, stop_after=1))


def _schema() -> Iterator[Finding]:
    if count := len(schema.missing()):
        yield failed("database", "behind", count=count)
        return
    try:
        schema.check()
    except schema.WrongSchema:
        yield failed("database", "ahead")


def role() -> Iterator[Finding]:
    """Check that this role has what the application needs, and no more than that."""
    connection.ensure_connection()
    standing = roles.look(connection.connection)
    if standing.owns:
        yield warning("database", "one_role", role=standing.role, statements=standing.statements)
    elif standing.excess:
        yield warning("database", "too_much", role=standing.role, rights=_some(standing.excess))
    if standing.lacking:
        yield failed("database", "too_little", role=standing.role, rights=_some(standing.lacking))


def _some(rights: tuple[str, ...]) -> str:
    return ", ".join(rights[:_TOLD]) + (" …" if len(rights) > _TOLD else "")


def _log() -> Iterator[Finding]:
    """Check that no value of a statement gets into PostgreSQL's own log, such as the hash of a password."""
    names = [*server_log.SETTINGS, *server_log.OF_EXTENSIONS]
    with connection.cursor() as cursor:
        cursor.execute("SELECT name, setting FROM pg_settings WHERE name = ANY(%s)", [names])
        lacking = server_log.lacking(dict(cursor.fetchall()))
    if lacking:
        name = connection.connection.info.dbname
        statements = [f"ALTER DATABASE \"{name}\" SET {setting} = '{value}';" for setting, value in lacking.items()]
        yield warning("database", "log_values", statements=" ".join(statements))


def _version() -> str:
    version = connection.connection.info.server_version
    return f"{version // 10_000}.{version % 10_000}"
