"""A home with a migrated database and collected styles, made once in a run: it takes eight processor seconds."""

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import psycopg

from ondol.host.postgres import EmbeddedPostgres

HASTE = {
    "fsync": "off", "full_page_writes": "off", "synchronous_commit": "off", "autovacuum": "off", "jit": "off",
    "hba_file": "/proc/self/cwd/pg_hba.conf",
}  # fmt: skip
"""The settings of a server of which nothing outlives the run, and whose tables stay small. Roles come in without their
passwords, since tests write addresses of their own; of `ondol up` and of backups, none is started with these."""
ONDOL = [sys.executable, "-m", "ondol"]
_OURS = ("ONDOL_", "AWS_", "DATABASE_URL", "DJANGO_", "PYTHONPATH")


def environment(home: Path, **more: str) -> dict[str, str]:
    """Return the environment of a person who has set nothing but ONDOL_HOME; a `.env` of the checkout does not
    count."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}
    return kept | {"ONDOL_HOME": str(home), "ONDOL_ENV_FILE": ""} | more


def furnished(home: Path) -> Path:
    """Return a home that an `ondol up` before has left; `home` must not be there yet."""
    subprocess.run(["cp", "-a", str(_ready()), str(home)], check=True)
    return home


def copy_styles(home: Path) -> None:
    """Put collected styles into a home."""
    home.mkdir(parents=True, exist_ok=True)
    subprocess.run(["cp", "-a", str(_ready() / "static"), str(home)], check=True)


def _ready() -> Path:
    ready = Path(os.environ["ONDOL_HOME"]).parent / "ready"
    ready.mkdir(parents=True, exist_ok=True)
    with (ready / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (ready / "home").exists():
            _furnish(ready / "draft")
            (ready / "draft").rename(ready / "home")
    return ready / "home"


def _furnish(home: Path) -> None:
    server = EmbeddedPostgres(home / "postgres", lambda text: None, settings=HASTE)
    with home.with_suffix(".log").open("wb") as log:
        server.start(log.fileno())
        secrets = {name: os.environ[name] for name in ("ONDOL_SECRET_KEY", "ONDOL_VAULT_KEYS")}
        urls = {"DATABASE_URL": server.application_url, "ONDOL_DATABASE_OWNER_URL": server.url}
        env = environment(home, **secrets, **urls)
        collect = "from ondol.commands.web import collect_static; collect_static()"
        for words in ([*ONDOL, "migrate"], [sys.executable, "-c", collect]):
            subprocess.run(words, env=env, stdout=log, stderr=log, check=True, timeout=60)
        with psycopg.connect(server.url) as connection:  # each home has keys of its own
            connection.execute("UPDATE instances_deployment SET signing_key = '', vault_keys = '[]'")
        server.stop()
