"""A backup is whole or is not there, is its owner's alone, and tells nobody the password of the database."""

import json
import os
import signal
import stat
import subprocess
import sys
import threading
import time
import zipfile
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from ondol import __version__
from ondol.backup import archive, database, dump, restore
from ondol.backup.archive import BackupError
from ondol.keys import vault
from tests.backup import servers
from tests.backup.servers import PASSWORD
from tests.database.way import Way
from tests.journey.site import free_port

pytestmark = pytest.mark.slow


@pytest.fixture
def several(copy, newer):
    """Return the URL of three hosts: one that is away, one that takes no writes, and one with three people."""
    name = conninfo_to_dict(copy)["dbname"]
    standby = servers.database(newer, name)
    with psycopg.connect(standby, autocommit=True) as connection:
        connection.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    sockets = [{"port": 5432} | conninfo_to_dict(url) for url in (standby, copy)]
    ways = [Way(Path(one["host"]) / f".s.PGSQL.{one['port']}") for one in sockets]
    hosts = ",".join(f"127.0.0.1:{port}" for port in (free_port(), *(way.port for way in ways)))
    yield f"postgresql://ondol:{quote(PASSWORD, safe='')}@{hosts}/{name}"
    for way in ways:
        way.end()


@pytest.mark.enable_socket
def test_of_several_hosts_the_one_that_takes_writes_is_backed_up_and_restored(several, tmp_path):
    dump.back_up(several, file := tmp_path / "ondol.backup")
    assert whole(file)
    with database.connected(several) as connection:
        connection.execute("DELETE FROM instances_sshkey")
        connection.commit()
        major = connection.info.server_version // 10_000
    with archive.reading(file) as backup:
        restore.replace(several, backup, major)
    with database.connected(several) as connection:
        assert connection.execute("SELECT count(*) FROM instances_sshkey").fetchone() == (3,)


def mode(file):
    return stat.S_IMODE(file.stat().st_mode)


def whole(file):
    with archive.reading(file) as backup:
        return backup.manifest.machines == 3


def test_it_knows_what_opens_it(source, backup):
    with archive.reading(backup) as found:
        manifest = found.manifest
    assert (manifest.ondol, manifest.machines, manifest.schema) == (__version__, 3, "public")
    assert manifest.vault_keys == {vault.key_ids()[0]: 3}
    assert "instances.0001_initial" in manifest.migrations
    with psycopg.connect(source) as connection:
        known = connection.execute("SELECT id::text, signing_key FROM instances_deployment").fetchone()
    assert (manifest.deployment, manifest.signing_key) == known


def test_it_holds_no_key_and_nobodys_session(source, backup):
    with psycopg.connect(source) as connection:
        [(session,)] = connection.execute("SELECT session_key FROM django_session").fetchall()
    with zipfile.ZipFile(backup) as container:
        told = container.read("ondol-backup.json").decode()
    listed = subprocess.run(["strings", "-n", "8", str(backup)], capture_output=True, text=True, check=True).stdout
    for secret in (os.environ["ONDOL_SECRET_KEY"], os.environ["ONDOL_VAULT_KEYS"], PASSWORD, session):
        assert secret not in told + listed
    assert json.loads(told)["format"] == 1


@pytest.mark.parametrize("before", ["nothing", "a file that all may read", "a link to a file", "a read-only file"])
def test_only_its_owner_may_read_it_whatever_was_there_before(source, tmp_path, before):
    file, other = tmp_path / "온돌 backup", tmp_path / "other"
    other.write_text("other")
    if before == "a link to a file":
        file.symlink_to(other)
    elif before != "nothing":
        file.write_text("old")
        file.chmod(0o644 if "all" in before else 0o444)
    was = os.umask(0)
    try:
        dump.back_up(source, file)
    finally:
        os.umask(was)
    assert whole(file)
    assert mode(file) == 0o600
    assert not file.is_symlink()
    assert other.read_text() == "other"
    assert {path.name for path in tmp_path.iterdir()} == {file.name, "other"}


@pytest.mark.parametrize("name", ["folder", "pipe", "/dev/null", "missing/ondol.backup"])
def test_a_place_where_no_file_can_be_stays_as_it_is(source, tmp_path, name):
    place = tmp_path / name
    if name == "folder":
        place.mkdir()
    elif name == "pipe":
        os.mkfifo(place)
    with pytest.raises((BackupError, OSError)):
        dump.back_up(source, place)
    assert not place.is_file()
    assert not list(tmp_path.glob(".*"))


def test_one_that_fails_leaves_the_last_one(source, copy, tmp_path):
    dump.back_up(source, file := tmp_path / "ondol.backup")
    before = file.read_bytes()
    with psycopg.connect(copy) as connection:
        connection.execute("CREATE SCHEMA ondol")
        connection.execute("CREATE FUNCTION public.broken() RETURNS int LANGUAGE sql AS 'SELECT 1'")
        connection.execute("CREATE TABLE hidden (x int); ALTER TABLE hidden ENABLE ROW LEVEL SECURITY")
        connection.execute("ALTER TABLE hidden FORCE ROW LEVEL SECURITY")
    with pytest.raises(BackupError, match=r"^pg_dump: .*row-level security"):
        dump.back_up(copy, file)
    assert file.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == [file.name]


def test_a_database_without_ondol_is_not_backed_up(empty, tmp_path):
    with pytest.raises(BackupError, match="has no Ondol in it"):
        dump.back_up(empty("newer"), tmp_path / "ondol.backup")
    assert not list(tmp_path.iterdir())


# --- what other processes can see -------------------------------------------------------------------------------------
def tools():
    """Return the words and the environment of every process of PostgreSQL's tools that we have started."""
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            words = (process / "cmdline").read_bytes().split(b"\0")
            if words[0].rpartition(b"/")[2] in {b"pg_dump", b"psql", b"pg_restore"}:
                yield b"\0".join(words).decode() + (process / "environ").read_bytes().decode()


@pytest.mark.parametrize("work", ["backup", "restore"])
def test_the_password_is_in_no_command_line_and_no_environment(backup, copy, tmp_path, monkeypatch, work):
    """A lock on a table holds the tools up while somebody looks at the list of processes."""
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "of-amazon")
    with archive.reading(backup) as file:
        if work == "backup":
            act = threading.Thread(target=dump.back_up, args=(copy, tmp_path / "ondol.backup"))
        else:
            act = threading.Thread(target=restore.replace, args=(copy, file, file.manifest.major))
        with psycopg.connect(copy) as holder:
            holder.execute("LOCK TABLE accounts_user")
            act.start()
            waits = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
            while not holder.execute(waits).fetchone():
                time.sleep(0.05)
                holder.execute("SELECT pg_stat_clear_snapshot()")
            seen = list(tools())
        act.join()
    assert seen
    for text in seen:
        for secret in (PASSWORD, "p%20w", "p w", os.environ["ONDOL_VAULT_KEYS"], "of-amazon", "DATABASE_URL"):
            assert secret not in text


# --- kills ---
_BACK_UP = """
import sys
from pathlib import Path
from ondol.backup import dump
print("begins", flush=True)
dump.back_up(sys.argv[1], Path(sys.argv[2]))
"""


def test_killed_at_any_moment_it_leaves_the_last_whole_one(source, tmp_path):
    began = time.monotonic()
    dump.back_up(source, file := tmp_path / "ondol.backup")
    takes = time.monotonic() - began
    for share in (0.05, 0.3, 0.5, 0.7, 0.9, 1.1):
        with subprocess.Popen([sys.executable, "-c", _BACK_UP, source, str(file)], stdout=subprocess.PIPE) as victim:
            assert victim.stdout.readline() == b"begins\n"
            time.sleep(takes * share)
            victim.send_signal(signal.SIGKILL)
        assert whole(file)
    dump.back_up(source, file)
    assert [path.name for path in tmp_path.iterdir()] == [file.name], "halves of killed ones are gone"
