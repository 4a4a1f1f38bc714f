"""Make a backup: a snapshot of one moment, while everything runs."""

import shutil
import subprocess
from pathlib import Path

from psycopg import IsolationLevel

from ondol import __version__, clock
from ondol.backup import tools
from ondol.backup.archive import BackupError, Manifest, writing
from ondol.backup.database import Connection, connected, has_column, has_ondol, schema_of
from ondol.keys.kept import COUNT_BY_KEY

_NOT_KEPT = ("django_session", "usersessions_usersession", "ondol_cache_entry")
"""Tables whose rows are not in backups: with them, whoever found a backup could sign in as the people of that time."""


def back_up(url: str, file: Path) -> Manifest:
    """Write a backup of that database to the file, which gets its name only once it is complete. Raises BackupError."""
    with connected(url) as connection:
        connection.isolation_level = IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        if not has_ondol(connection):
            raise BackupError("This database has no Ondol in it, so there is nothing to back up.")
        manifest = _describe(connection)
        server = tools.Server(url, tools.find(manifest.major))
        row = connection.execute("SELECT pg_export_snapshot()").fetchone()
        options = ["--format=custom", f"--snapshot={row[0] if row else ''}", f'--schema="{manifest.schema}"']
        options += [f'--exclude-table-data="{manifest.schema}".{table}' for table in _NOT_KEPT]
        with writing(file) as draft:
            with (
                draft.dump() as target,
                server.running("pg_dump", tools.DATABASE, *options, stdout=subprocess.PIPE) as dumping,
            ):
                shutil.copyfileobj(dumping.output, target, 1 << 20)
                dumping.succeed()
            draft.finish(manifest)
    return manifest


def _describe(connection: Connection) -> Manifest:
    def one(query: str) -> str:
        row = connection.execute(query).fetchone()
        return "" if row is None or row[0] is None else str(row[0])

    keeps_key = has_column(connection, "instances_deployment", "signing_key")
    has_record = has_column(connection, "audit_link", "hash")
    migrations = connection.execute("SELECT app || '.' || name FROM django_migrations ORDER BY 1").fetchall()
    return Manifest(
        ondol=__version__,
        made_at=clock.real_now().isoformat(timespec="seconds"),
        postgresql=connection.info.server_version,
        schema=schema_of(connection),
        deployment=one("SELECT id FROM instances_deployment"),
        machines=int(one("SELECT count(*) FROM instances_instance WHERE status <> 'TERMINATED'")),
        vault_keys=dict(connection.execute(COUNT_BY_KEY).fetchall()),
        signing_key=one("SELECT signing_key FROM instances_deployment") if keeps_key else "",
        audit_head=one("SELECT position || ':' || hash FROM audit_link ORDER BY position DESC LIMIT 1")
        if has_record
        else "",
        migrations=tuple(name for (name,) in migrations),
    )
