"""PostgreSQL servers that are not ours: of the versions that this computer has, with a password."""

import os
import pwd
import re
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import quote

import psycopg

from tests.furnished import HASTE, ONDOL, environment

PASSWORD = "p w:\\ö%"
"""It has characters that may be misread on the way to PostgreSQL's tools."""
SECRETS = {name: os.environ[name] for name in ("ONDOL_SECRET_KEY", "ONDOL_VAULT_KEYS")}
_VERSIONS = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
SYSTEMS = _VERSIONS[0].parent if _VERSIONS else None
"""The programs of the oldest PostgreSQL that the system has, if it has any."""

_PEOPLED = r"""
from django.contrib.sessions.backends.db import SessionStore
from ondol.accounts.people import add_user
from ondol.deployment import fingerprints
from ondol.instances import sealed
from ondol.instances.models import Instance, SshKey
fingerprints.check()
SessionStore().save()
for name in ("alice", "bob", "\uae40\ubbfc\uc9c0"):
    owner = add_user(f"{name}@example.org" if name.isascii() else "minji@example.org", name, approved=True)
    row = Instance.objects.create(owner=owner, instance_type="t3.small", volume_gib=30, instance_id=f"i-{owner.pk}")
    key = sealed.seal_key(row, f"key of {name}", "")
    SshKey.objects.create(instance=row, key_pair_name="k", sealed_private_key=key)
"""


def at(url: str, name: str) -> str:
    """Return the URL of another database of the same server."""
    return re.sub(r"/[^/?@]*\?", f"/{name}?", url, count=1)


def database(url: str, name: str, options: str = "") -> str:
    """Make a database on that server; return its URL."""
    with psycopg.connect(at(url, "postgres"), autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}" {options}')
    return at(url, name)


@contextmanager
def systems_postgres() -> Iterator[str]:
    """Run the system's own PostgreSQL; yield the URL of an empty database that its user owns."""
    assert SYSTEMS
    owner = pwd.getpwnam("nobody") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
    who = {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []} if os.geteuid() == 0 else {}
    with tempfile.TemporaryDirectory(prefix="pg-", dir="/tmp") as name:
        folder = Path(name)
        (folder / "password").write_text(PASSWORD + "\n")
        for path in (folder, folder / "password"):
            os.chown(path, owner.pw_uid, owner.pw_gid)
        initdb = [str(SYSTEMS / "initdb"), "-D", f"{name}/data", "-U", "admin", "-A", "scram-sha-256", "-E", "UTF8"]
        initdb += ["--locale=C.UTF-8", f"--pwfile={name}/password", "--no-sync"]
        subprocess.run(initdb, check=True, stdout=subprocess.DEVNULL, cwd="/", **who)
        words = [str(SYSTEMS / "postgres"), "-D", f"{name}/data", "-k", name, "-c", "listen_addresses="]
        words += [word for pair in HASTE.items() for word in ("-c", "=".join(pair))]
        with (folder / "log").open("wb") as log, subprocess.Popen(words, stderr=log, cwd="/", **who) as server:
            try:
                yield _owned(f"postgresql://{{}}:{quote(PASSWORD, safe='')}@/{{}}?host={quote(name, safe='')}")
            finally:
                server.send_signal(signal.SIGQUIT)


def _owned(form: str) -> str:
    admin, end = form.format("admin", "postgres"), time.monotonic() + 120
    while True:
        with suppress(psycopg.OperationalError), psycopg.connect(admin, autocommit=True) as connection:
            connection.execute("CREATE ROLE ondol LOGIN CREATEDB PASSWORD '" + PASSWORD + "'")
            connection.execute("CREATE DATABASE ondol OWNER ondol")
            return form.format("ondol", "ondol")
        assert time.monotonic() < end, "PostgreSQL does not start"
        time.sleep(0.05)


def peopled(url: str, home: Path) -> None:
    """Migrate a database, and put three people with a machine and a sealed key each into it."""
    env = environment(home, **SECRETS, DATABASE_URL=url)
    for words in (["migrate"], ["manage", "shell", "-v", "0", "-c", _PEOPLED]):
        done = subprocess.run([*ONDOL, *words], env=env, text=True, capture_output=True, timeout=300, check=False)
        assert done.returncode == 0, done.stderr


def content(url: str) -> dict[str, str]:
    """Return what is in each table of a database, and its indexes and constraints, in a form that can be compared."""
    tables = "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' ORDER BY 1"
    rows = "SELECT coalesce(md5(string_agg(t::text, '|' ORDER BY t::text)), '') FROM {} t"
    others = """
    SELECT string_agg(words, '|' ORDER BY words) FROM (
      SELECT 'index ' || indexname AS words FROM pg_indexes WHERE schemaname = 'public' UNION ALL
      SELECT conrelid::regclass || ' ' || conname FROM pg_constraint
      WHERE connamespace = 'public'::regnamespace AND contype <> 'n' UNION ALL
      SELECT oid::regprocedure || prosrc FROM pg_proc WHERE pronamespace = 'public'::regnamespace UNION ALL
      SELECT tgrelid::regclass || ' ' || tgname FROM pg_trigger WHERE NOT tgisinternal UNION ALL
      SELECT typname FROM pg_type WHERE typnamespace = 'public'::regnamespace AND typtype = 'e') AS other
    """
    with psycopg.connect(url) as connection:
        connection.execute("SET search_path = public; SET timezone = 'UTC'")
        found = {name: _one(connection, rows.format(f'"{name}"')) for (name,) in connection.execute(tables).fetchall()}
        return found | {"others": _one(connection, others)}


def _one(connection: "psycopg.Connection[tuple[str]]", query: str) -> str:
    row = connection.execute(query).fetchone()
    return str(row[0]) if row else ""
