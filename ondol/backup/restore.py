"""Replace a database by a backup, in one transaction: a kill at any moment leaves the old one or the new one."""

import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from psycopg import sql

from ondol.backup import tools
from ondol.backup.archive import Backup, BackupError, Manifest
from ondol.backup.database import Connection, connected, has_ondol, schema_of

_MACHINES = """
SELECT i.id::text, coalesce(i.instance_id, ''), u.email, k.id IS NOT NULL
FROM instances_instance i JOIN accounts_user u ON u.id = i.owner_id LEFT JOIN instances_sshkey k ON k.instance_id = i.id
WHERE i.status <> 'TERMINATED'
"""
_OTHERS = """
SELECT coalesce(nullif(application_name, ''), 'unnamed') || ' from ' || coalesce(host(client_addr), 'this host')
FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND usesysid IS NOT NULL
  AND coalesce(backend_type, 'client backend') = 'client backend' -- of another role's sessions we may not see it
"""
_LEAVES_WITHIN = 2.0
"""The seconds for connections of programs that have just been stopped."""
_FOREIGN = """
SELECT DISTINCT user_.oid::regclass::text
FROM pg_class own
JOIN (
  SELECT r.ev_class AS oid, d.refobjid AS used FROM pg_depend d JOIN pg_rewrite r ON r.oid = d.objid
  WHERE d.classid = 'pg_rewrite'::regclass AND d.refclassid = 'pg_class'::regclass
  UNION ALL SELECT conrelid, confrelid FROM pg_constraint WHERE contype = 'f'
) uses ON uses.used = own.oid
JOIN pg_class user_ ON user_.oid = uses.oid
WHERE own.relnamespace = to_regnamespace(quote_ident(%(schema)s)) AND user_.relnamespace <> own.relnamespace
"""
# `pg_restore --clean` removes only objects of the backup; what a later version has added would stay, and conflict.
_EMPTY = """
BEGIN;
SET LOCAL client_min_messages = warning;
SET LOCAL lock_timeout = '10s';
DO $ondol$
DECLARE
  words text;
  wanted oid := {schema}::regnamespace;
BEGIN
  FOREACH words IN ARRAY ARRAY(
    SELECT format('DROP %s IF EXISTS %s CASCADE', CASE relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW'
      WHEN 'S' THEN 'SEQUENCE' WHEN 'f' THEN 'FOREIGN TABLE' ELSE 'TABLE' END, c.oid::regclass)
    FROM pg_class c WHERE relnamespace = wanted AND relkind IN ('r', 'p', 'v', 'm', 'S', 'f') AND NOT EXISTS
      (SELECT 1 FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype IN ('e', 'i'))
    UNION ALL
    SELECT format('DROP ROUTINE IF EXISTS %s CASCADE', p.oid::regprocedure)
    FROM pg_proc p WHERE pronamespace = wanted AND NOT EXISTS
      (SELECT 1 FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')
    UNION ALL
    SELECT format('DROP TYPE IF EXISTS %s CASCADE', t.oid::regtype)
    FROM pg_type t LEFT JOIN pg_class c ON c.oid = t.typrelid
    WHERE typnamespace = wanted AND (typtype IN ('e', 'd', 'r') OR c.relkind = 'c') AND NOT EXISTS
      (SELECT 1 FROM pg_depend d WHERE d.classid = 'pg_type'::regclass AND d.objid = t.oid AND d.deptype = 'e')
  ) LOOP
    EXECUTE words;
  END LOOP;
END $ondol$;
"""
# Findings are made and reported again, since administrators may have been told of other ones meanwhile.
_FINISH = """
UPDATE {schema}.instances_deployment SET findings = '[]', findings_told = '[]', swept_at = NULL;
COMMIT;
"""


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine that is not terminated, as a database knows it."""

    row: str
    instance_id: str
    email: str
    has_key: bool


def machines(connection: Connection) -> list[Machine]:
    """Return the machines of a database; none if it has no Ondol."""
    return [Machine(*row) for row in connection.execute(_MACHINES)] if has_ondol(connection) else []


def _others(connection: Connection) -> list[str]:
    """Return who else is connected.

    PostgreSQL shows a connection for a moment after its program has ended. Within a transaction it repeats what it
    showed first, until the snapshot is cleared.
    """
    end = time.monotonic() + _LEAVES_WITHIN
    while True:
        connection.execute("SELECT pg_stat_clear_snapshot()")
        others = [name for (name,) in connection.execute(_OTHERS)]
        if not others or time.monotonic() > end:
            return others
        time.sleep(0.1)  # noqa: TID251  another process at the edge


def check(connection: Connection, manifest: Manifest) -> None:
    """Raise BackupError unless this database may be replaced by that backup."""
    if others := _others(connection):
        raise BackupError(
            f"The database is in use: {', '.join(sorted(set(others)))}. Stop every `ondol up`, `ondol web` and "
            "`ondol worker`, and whatever else is connected. Nothing was changed."
        )
    present = connection.info.server_version // 10_000
    if present < manifest.major:
        raise BackupError(
            f"The backup is of PostgreSQL {manifest.major}, and this server is {present}: PostgreSQL does not promise "
            f"that an older server reads what a newer one has written. Use a server of {manifest.major} or newer. "
            "Nothing was changed."
        )
    if (encoding := connection.info.parameter_status("server_encoding")) != "UTF8":
        raise BackupError(f"The database has the encoding {encoding}. Make one with UTF8. Nothing was changed.")
    if (schema := schema_of(connection)) != manifest.schema:
        raise BackupError(
            f"The backup is of the schema {manifest.schema}, and this database would use {schema}. Give its user the "
            "same search_path. Nothing was changed."
        )
    if foreign := [name for (name,) in connection.execute(_FOREIGN, {"schema": schema})]:
        raise BackupError(
            f"{', '.join(sorted(foreign))} would go with Ondol's tables, which they refer to. Remove them, and make "
            "them again afterwards. Nothing was changed."
        )
    _check_deployment(connection, manifest)


def _check_deployment(connection: Connection, manifest: Manifest) -> None:
    """Raise BackupError for another deployment's backup if machines exist: by their tag, Ondol would not find them."""
    if not has_ondol(connection):
        return
    row = connection.execute("SELECT id::text FROM instances_deployment").fetchone()
    alive = len(machines(connection))
    if row and row[0] != manifest.deployment and alive:
        raise BackupError(
            f"The database is another deployment's ({row[0]}; the backup is of {manifest.deployment}), and has {alive} "
            "machines that nobody would find any more. Restore into an empty database. Nothing was changed."
        )


def replace(url: str, backup: Backup, major: int) -> None:
    """Replace the content of the database. Raises BackupError; then nothing was changed."""
    server = tools.Server(url, tools.find(major))
    schema = backup.manifest.schema
    try:
        _pour(server, backup, _filled(_EMPTY, sql.Literal(f'"{schema}"')), _filled(_FINISH, sql.Identifier(schema)))
    except BackupError as error:
        raise BackupError(f"{error} Nothing was changed.") from None


def _pour(server: tools.Server, backup: Backup, before: bytes, after: bytes) -> None:
    """Write everything into one psql, COMMIT last. If we die, psql reads no COMMIT, and nothing is changed."""
    reads = ["--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--file=-", "--output=/dev/null"]
    writes = ["--format=custom", "--no-owner", "--no-privileges", f"--schema={backup.manifest.schema}", "--file=-"]
    with server.running("psql", tools.DATABASE, *reads, stdin=subprocess.PIPE) as psql:
        try:
            psql.input.write(before)
            psql.input.flush()
            with server.running("pg_restore", *writes, stdin=subprocess.PIPE, stdout=psql.input) as restoring:
                with suppress(BrokenPipeError):  # it has failed, and says why
                    backup.copy_dump(restoring.input)
                with suppress(BrokenPipeError):
                    restoring.input.close()
                if restoring.process.wait():
                    raise BackupError(f"pg_restore: {restoring.complaint()}.")
            psql.input.write(after)
            psql.input.close()
            psql.succeed()
        except (BrokenPipeError, BackupError):
            with suppress(subprocess.TimeoutExpired):
                psql.process.wait(1)  # if it has failed, its own message says more than ours
            if psql.process.poll():
                raise BackupError(f"psql: {psql.complaint()}.") from None
            raise


def _filled(words: str, schema: sql.Composable) -> bytes:
    return sql.SQL(words).format(schema=schema).as_bytes(None)


def lost(before: Sequence[Machine], url: str) -> list[Machine]:
    """Return the machines of the old database that the restored one does not know."""
    with connected(url) as connection:
        known = {machine.row for machine in machines(connection)}
    return [machine for machine in before if machine.row not in known]
