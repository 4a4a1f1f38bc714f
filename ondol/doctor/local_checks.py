"""What can be checked without AWS: database, clock, sealed keys, workers."""

import time
from collections.abc import Iterator

from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from ondol.doctor.findings import Finding, failed, ok, warning
from ondol.instances.models import SshKey
from ondol.keys import vault

SKEW = 5.0
"""The seconds by which two clocks may differ. Amazon refuses signatures that are 15 minutes off."""
WORKER_SILENT = 10.0
"""The seconds after which a worker counts as dead. It writes a heartbeat every two."""


def database() -> Iterator[Finding]:
    """Check that the database answers, and has all that this version needs."""
    executor = MigrationExecutor(connection)
    missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    version = f"{connection.pg_version // 10_000}.{connection.pg_version % 10_000}"  # type: ignore[attr-defined]
    if missing:
        yield failed("database", "behind", count=len(missing))
    else:
        yield ok("database", "sound", version=version)


def clock() -> Iterator[Finding]:
    """Compare the database's clock with ours: job leases and back-offs use both."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT extract(epoch FROM clock_timestamp())")
        skew = abs(float(cursor.fetchone()[0]) - time.time())
    if skew > SKEW:
        yield warning("clock", "database", seconds=round(skew))
    else:
        yield ok("clock", "database_sound")


def keys() -> Iterator[Finding]:
    """Check that every sealed private key can be opened."""
    shut, old, count = 0, 0, 0
    for instance_id, sealed in SshKey.objects.values_list("instance_id", "sealed_private_key").iterator():
        count += 1
        try:
            vault.open_sealed(str(instance_id), bytes(sealed))
        except vault.VaultError:
            shut += 1
        else:
            old += vault.needs_resealing(bytes(sealed))
    if shut:
        yield failed("keys", "shut", shut=shut, count=count)
    else:
        yield ok("keys", "old" if old else "open" if count else "none", count=count, old=old)


def worker() -> Iterator[Finding]:
    """Check that a worker runs."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM procrastinate_workers WHERE last_heartbeat > now() - make_interval(secs => %s)",
            [WORKER_SILENT],
        )
        alive = cursor.fetchone()[0]
    yield ok("worker", "alive", count=alive) if alive else failed("worker", "silent")
