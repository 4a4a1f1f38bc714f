"""The environment of measurements: a PostgreSQL of their own with Django on it, and a table on the terminal."""

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from statistics import quantiles

import django

from ondol.host.home import new_secret_key, new_vault_key
from ondol.host.postgres import EmbeddedPostgres

ONDOL = [sys.executable, "-m", "ondol"]
FOLDER = "ondol-bench-"


class NotHere(Exception):
    """A measurement that cannot be made on this computer; the text says why, and what to do."""


@contextmanager
def workplace() -> Iterator[Path]:
    """Yield a folder, and remove those of runs that were killed."""
    for left in Path(tempfile.gettempdir()).glob(f"{FOLDER}*"):
        with suppress(OSError), (left / "lock").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(left, ignore_errors=True)
    with (
        tempfile.TemporaryDirectory(prefix=FOLDER, ignore_cleanup_errors=True) as folder,
        Path(folder, "lock").open("w") as lock,
    ):
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield Path(folder)


@contextmanager
def database(folder: Path, settings: Mapping[str, str] | None = None) -> Iterator[EmbeddedPostgres]:
    """Prepare an empty Ondol: PostgreSQL, tables, Django in this process."""
    for name in [name for name in os.environ if name.startswith(("ONDOL_", "AWS_", "DATABASE_URL"))]:
        del os.environ[name]
    server = EmbeddedPostgres(folder / "postgres", lambda text: None, settings=settings)
    with (folder / "postgres.log").open("ab") as log:
        server.start(log.fileno())
    try:
        os.environ |= {
            "ONDOL_HOME": str(folder), "ONDOL_ENV_FILE": "", "DATABASE_URL": server.url,
            "ONDOL_SECRET_KEY": new_secret_key(), "ONDOL_VAULT_KEYS": new_vault_key(),
            "AWS_VPC_ID": "vpc-0123456789abcdef0", "AWS_SUBNET_ID": "subnet-0123456789abcdef0",
            "ONDOL_SSH_CIDRS": "203.0.113.0/24",
            "ONDOL_CLOUD": "local", "DJANGO_SETTINGS_MODULE": "bench.settings",
        }  # fmt: skip
        subprocess.run([*ONDOL, "migrate"], check=True)
        django.setup()
        yield server
    finally:
        server.stop()


def percentiles(values: Sequence[float]) -> tuple[float, float]:
    """Return the 50th and the 99th percentile."""
    parts = quantiles(values, n=100, method="inclusive")
    return parts[49], parts[98]


def table(title: str, head: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a Markdown table, which can be pasted into docs/benchmarks.md."""
    lines = [tuple(map(str, row)) for row in (head, *rows)]
    widths = [max(len(row[column]) for row in lines) for column in range(len(head))]
    print(f"\n{title}\n")
    for number, row in enumerate(lines):
        print("| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |")
        if number == 0:
            print("|" + "|".join("-" * (width + 2) for width in widths) + "|", flush=True)
