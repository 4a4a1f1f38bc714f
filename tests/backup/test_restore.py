"""A restore gives back everything, or changes nothing."""

import json
import signal
import subprocess
import sys
import time
import zipfile
from contextlib import contextmanager
from threading import Timer

import psycopg
import pytest

from ondol.backup import archive, database, dump, restore, tools
from ondol.backup.archive import BackupError
from tests.backup.servers import content

pytestmark = pytest.mark.slow
NOT_KEPT = {"django_session", "usersessions_usersession", "ondol_cache_entry"}


def replace(url, file):
    """Do what `ondol restore` does to a database."""
    with archive.reading(file) as backup, database.connected(url) as connection:
        restore.check(connection, backup.manifest)
        major = connection.info.server_version // 10_000
        connection.close()
        restore.replace(url, backup, major)


def kept(url):
    return {table: rows for table, rows in content(url).items() if table not in NOT_KEPT | {"instances_deployment"}}


def do(url, *statements):
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement)


@pytest.mark.parametrize("server", ["older", "newer"])
def test_everybody_is_back_on_a_server_of_the_same_version_or_a_newer_one(source, backup, empty, server):
    target = empty(server)
    replace(target, backup)
    assert kept(target) == kept(source)
    assert {table for table in NOT_KEPT if content(target)[table]} == set()
    assert content(source)["django_session"], "there was somebody who had signed in"


def test_what_has_come_since_goes_and_what_has_gone_is_back(source, backup, copy):
    do(
        copy,
        "CREATE TABLE of_a_later_version (deployment uuid REFERENCES instances_deployment (id))",
        "CREATE TYPE mood AS ENUM ('warm')",
        "CREATE FUNCTION feels(mood) RETURNS mood LANGUAGE sql AS 'SELECT $1'",
        "CREATE VIEW seen AS SELECT * FROM of_a_later_version",
        "DELETE FROM instances_sshkey WHERE instance_id = (SELECT min(instance_id::text)::uuid FROM instances_sshkey)",
        "ALTER TABLE instances_instance DROP COLUMN private_ip",
    )
    replace(copy, backup)
    assert kept(copy) == kept(source)


def test_findings_are_made_and_told_again(backup, copy):
    do(copy, 'UPDATE instances_deployment SET findings_told = \'[["key", "ondol-x", "UNKNOWN"]]\', swept_at = now()')
    file = backup.with_name("told.backup")
    dump.back_up(copy, file)
    replace(copy, file)
    with psycopg.connect(copy) as connection:
        found = connection.execute("SELECT findings, findings_told, swept_at FROM instances_deployment").fetchall()
    assert found == [([], [], None)]


# --- files that are none ---------------------------------------------------------------------------
def parts(backup):
    with zipfile.ZipFile(backup) as container:
        return {name: container.read(name) for name in container.namelist()}


def zipped(**members):
    def make(backup, file):
        with zipfile.ZipFile(file, "w") as container:
            for name, data in (
                parts(backup) | {name.replace("_", ".", 1): data for name, data in members.items()}
            ).items():
                if data is not None:
                    container.writestr(name, data)

    return make


def cut(share):
    return lambda backup, file: file.write_bytes(backup.read_bytes()[: int(backup.stat().st_size * share)])


def flipped(share):
    def make(backup, file):
        data = bytearray(backup.read_bytes())
        data[int(len(data) * share)] ^= 1
        file.write_bytes(data)

    return make


WHOLE = {
    "format": 1, "ondol": "0.2.0", "made_at": "", "postgresql": 150018, "schema": "public", "deployment": "",
    "machines": 0, "vault_keys": {},
}  # fmt: skip


def with_manifest(text):
    def make(backup, file):
        with zipfile.ZipFile(file, "w") as container:
            container.writestr("database.dump", parts(backup)["database.dump"])
            container.writestr("ondol-backup.json", text)

    return make


NO_BACKUPS = {
    "nothing": (lambda backup, file: file.touch(), "is no backup"),
    "no file": (lambda backup, file: None, "no such file"),
    "a folder": (lambda backup, file: file.mkdir(), "no such file"),
    "text": (lambda backup, file: file.write_text("-- SQL\n"), "is no backup"),
    "pg_dump's": (lambda backup, file: file.write_bytes(parts(backup)["database.dump"]), "dump of pg_dump"),
    "cut off at once": (cut(0.0001), "is no backup|cut off"),
    "cut off in the middle": (cut(0.5), "cut off"),
    "its last byte is missing": (lambda backup, file: file.write_bytes(backup.read_bytes()[:-1]), "cut off"),
    "a byte of the dump": (flipped(0.5), "damaged"),
    "a byte near its end": (flipped(0.985), "damaged|is no backup"),
    "somebody's zip": (lambda backup, file: zipfile.ZipFile(file, "w").close(), "is no backup"),
    "without a dump": (zipped(database_dump=None), "is no backup"),
    "a list for a manifest": (with_manifest("[1]"), "is no backup"),
    "half a manifest": (with_manifest('{"format": 1}'), "is no backup"),
    **{
        f"a manifest with {name}={value}": (with_manifest(json.dumps(WHOLE | {name: value})), "is no backup")
        for name, value in [
            ("postgresql", "x"),
            ("postgresql", -1),
            ("vault_keys", ["a"]),
            ("vault_keys", {"a": "x"}),
            ("migrations", [1, None]),
            ("migrations", "abc"),
            ("schema", "pub\0lic"),
            ("schema", 'a"b'),
            ("machines", None),
            ("deployment", 7),
        ]
    },
    "a manifest that is no JSON": (with_manifest("{"), "is no backup"),
    "of a later format": (with_manifest('{"format": 2, "ondol": "9.0"}'), "Ondol 9.0 made it"),
}


@pytest.mark.parametrize(("make", "says"), NO_BACKUPS.values(), ids=NO_BACKUPS)
def test_what_is_no_whole_backup_is_refused_before_a_database_is_touched(backup, tmp_path, make, says):
    make(backup, file := tmp_path / "ondol.backup")
    with pytest.raises(BackupError, match=says), archive.reading(file):
        pytest.fail("it was opened")


def test_a_dump_that_pg_restore_cannot_read_changes_nothing(backup, copy, tmp_path):
    whole = parts(backup)
    with zipfile.ZipFile(file := tmp_path / "ondol.backup", "w") as container:
        container.writestr("database.dump", whole["database.dump"][:-2000])
        container.writestr("ondol-backup.json", whole["ondol-backup.json"])
    before = content(copy)
    with pytest.raises(BackupError, match=r"^pg_restore: .*Nothing was changed"):
        replace(copy, file)
    assert content(copy) == before


# --- databases that are not replaced ---------------------------------------------------------------
@contextmanager
def in_use(url):
    with psycopg.connect(url, application_name="ondol worker") as connection:
        connection.execute("SELECT 1")
        yield


@contextmanager
def locked(url):
    """Hold a table as somebody would who has begun after the check."""
    with psycopg.connect(url) as connection:
        connection.execute("LOCK TABLE instances_sshkey")
        yield


def changed(*statements):
    @contextmanager
    def change(url):
        name = url.partition("?")[0].rpartition("/")[2]
        do(url, *(statement.replace("NAME", name) for statement in statements))
        yield

    return change


REFUSED = {
    "a worker runs": (in_use, r"in use: ondol worker from this host\. Stop every"),
    "another deployment with machines": (
        changed("UPDATE instances_deployment SET id = gen_random_uuid()"), "has 3 machines that nobody would find",
    ),
    "another schema": (
        changed("CREATE SCHEMA ondol", "ALTER DATABASE NAME SET search_path = ondol"), "would use ondol",
    ),
    "no schema": (changed("ALTER DATABASE NAME SET search_path = nowhere"), "no schema"),
    "read only": (changed("ALTER DATABASE NAME SET default_transaction_read_only = on"), "read-only transaction"),
    "a view of its tables elsewhere": (
        changed("CREATE SCHEMA reports", "CREATE VIEW reports.people AS SELECT * FROM accounts_user"),
        "reports.people would go",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("other", "says"), REFUSED.values(), ids=REFUSED)
def test_a_database_that_must_not_be_replaced_stays_as_it_is(backup, copy, other, says):
    with other(copy):
        before = content(copy)
        with pytest.raises(BackupError, match=says) as refused:
            replace(copy, backup)
        assert "Nothing was changed" in str(refused.value) or says == "no schema"
        assert content(copy) == before


def test_a_worker_that_was_stopped_a_moment_ago_does_not_refuse_it(backup, copy):
    worker = psycopg.connect(copy, application_name="ondol worker")
    leaving = Timer(0.5, worker.close)
    leaving.start()
    replace(copy, backup)
    leaving.join()


def test_an_older_server_is_refused(backup, empty, tmp_path):
    replace(newer := empty("newer"), backup)
    dump.back_up(newer, file := tmp_path / "ondol.backup")
    with pytest.raises(BackupError, match=r"is of PostgreSQL \d+, and this server is \d+: .* Nothing was changed"):
        replace(empty("older"), file)


def test_a_database_of_another_encoding_is_refused(backup, empty):
    latin = empty("older", "ENCODING 'LATIN1' TEMPLATE template0 LOCALE 'C'")
    with pytest.raises(BackupError, match="encoding LATIN1"):
        replace(latin, backup)


def test_somebody_who_comes_after_the_check_holds_it_up_for_seconds_only(backup, copy):
    before = content(copy)
    with archive.reading(backup) as whole, locked(copy), pytest.raises(BackupError, match=r"lock timeout.*Nothing was"):
        restore.replace(copy, whole, whole.manifest.major)
    assert content(copy) == before


def test_tools_that_are_missing_are_named_with_their_package():
    with pytest.raises(BackupError, match="Install postgresql-client-99"):
        tools.find(99)


# --- kills -----------------------------------------------------------------------------------------
_REPLACE = """
import sys
from pathlib import Path
from ondol.backup import archive, restore
with archive.reading(Path(sys.argv[2])) as backup:
    print("begins", flush=True)
    restore.replace(sys.argv[1], backup, backup.manifest.major)
print("done", flush=True)
"""


@pytest.mark.timeout(180)
def test_killed_at_any_moment_it_leaves_the_old_or_the_new(source, backup, copy):
    """The old one has another name for Alice."""
    new, began = kept(source), time.monotonic()
    replace(copy, backup)
    takes, outcomes = time.monotonic() - began, []
    for share in (0.02, 0.2, 0.5, 0.7, 0.8, 0.9, 1.0):
        do(copy, "UPDATE accounts_user SET name = 'Old' WHERE email = 'alice@example.org'")
        old = kept(copy)
        words = [sys.executable, "-c", _REPLACE, copy, str(backup)]
        with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as victim:
            assert victim.stdout.readline() == "begins\n"
            time.sleep(takes * share)
            victim.send_signal(signal.SIGKILL)
        _wait_until_alone(copy)
        found = kept(copy)
        outcomes.append("new" if found == new else "old" if found == old else "half")
    assert set(outcomes) <= {"old", "new"}, outcomes
    assert outcomes[0] == "old"


def _wait_until_alone(url):
    others = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    with psycopg.connect(url, autocommit=True) as connection:
        while connection.execute(others).fetchone()[0]:
            time.sleep(0.05)
