"""`ondol backup` and `ondol restore` on the embedded database: which keys are needed, and what is kept."""

import dataclasses
import os
import subprocess
from contextlib import contextmanager

import psycopg
import pytest

from ondol.backup import archive
from ondol.host.home import lock, new_secret_key, new_vault_key
from ondol.host.postgres import EmbeddedPostgres
from tests.backup import servers
from tests.backup.servers import SECRETS
from tests.furnished import ONDOL, environment, furnished

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


def ondol(home, *words, **env):
    """Run a command of a person who has the keys of the deployment, unless other ones are given."""
    env = environment(home, **{name: value for name, value in (SECRETS | env).items() if value})
    return subprocess.run([*ONDOL, *words], env=env, text=True, capture_output=True, timeout=120, check=False)


def told(done):
    """Return the sentences of a command that has refused."""
    assert done.returncode == 1, done.stdout
    assert "Traceback" not in done.stderr
    return done.stderr


@contextmanager
def running(home):
    """Run a home's PostgreSQL as `ondol up` does."""
    server = EmbeddedPostgres(home / "postgres", lambda text: None)
    server.start(os.open(home / "postgres.log", os.O_WRONLY | os.O_CREAT))
    try:
        yield server.url
    finally:
        server.stop()


@pytest.fixture(scope="module")
def old(tmp_path_factory):
    """Return a home that nobody runs, with three people in its database."""
    home = furnished(tmp_path_factory.mktemp("old") / "집 home")
    with running(home) as url:
        servers.peopled(url, home)
    return home


@pytest.fixture(scope="module")
def file(old):
    done = ondol(old, "backup", str(file := old.parent / "ondol.backup"))
    assert done.returncode == 0, done.stderr
    assert "3 machines, PostgreSQL 18." in done.stdout
    assert "which is not in it: keep that in another place" in done.stdout
    return file


def test_another_home_gets_everything_and_keeps_what_it_had(file, tmp_path):
    home = tmp_path / "new"
    done = ondol(home, "restore", str(file))
    assert done.returncode == 0, done.stderr
    assert "with 3 machines" in done.stdout
    with running(home) as url:
        assert {"accounts_user", "instances_sshkey"} <= servers.content(url).keys()
        before = servers.content(url)
        with psycopg.connect(url) as connection:
            connection.execute("UPDATE accounts_user SET name = 'Later' WHERE email = 'bob@example.org'")
    (home / "audit.head").write_text(f"7:{'0' * 64}\n")
    again = ondol(home, "restore", str(file))
    assert again.returncode == 0, again.stderr
    [aside] = home.glob("before-restore-*.audit.head")
    assert (aside.name in again.stdout, (home / "audit.head").exists()) == (True, False)
    [kept] = home.glob("before-restore-*.backup")
    assert str(kept) in again.stdout
    assert kept.stat().st_mode & 0o077 == 0
    with archive.reading(kept) as backup:
        assert backup.manifest.machines == 3
    with running(home) as url:
        assert servers.content(url) == before


# The settings of whoever restores, the options, and what is said; it is refused if the sentence says so.
KEYS = {
    "no vault key": ({"ONDOL_VAULT_KEYS": ""}, [], "there: none"),
    "another vault key": (
        {"ONDOL_VAULT_KEYS": new_vault_key()},
        [],
        "3 secrets in this backup (private SSH keys, second factors) were sealed with",
    ),
    "the old one behind": ({"ONDOL_VAULT_KEYS": f"{new_vault_key()},{SECRETS['ONDOL_VAULT_KEYS']}"}, [], ""),
    "lost": ({"ONDOL_VAULT_KEYS": new_vault_key()}, ["--without-vault-keys"], "`ondol keys accept --lost`"),
    "another signing key": (
        {"ONDOL_SECRET_KEY": new_secret_key()},
        [],
        "ONDOL_SECRET_KEY is not the one of the backup",
    ),
}


@pytest.mark.parametrize(("env", "options", "says"), KEYS.values(), ids=KEYS)
def test_the_keys_that_open_it_are_needed(file, tmp_path, env, options, says):
    home = tmp_path / "new"
    done = ondol(home, "restore", str(file), *options, **env)
    if "there: " in done.stderr:
        assert says in told(done)
        assert "Nothing was changed." in done.stderr
        assert not (home / "postgres").exists()
    else:
        assert done.returncode == 0, done.stderr
        assert says in done.stdout
    for secret in (*SECRETS.values(), *filter(None, env.values())):
        assert secret not in done.stdout + done.stderr


def test_a_running_home_is_not_restored_and_a_missing_one_not_backed_up(old, file, tmp_path):
    held = lock(old)
    try:
        assert "Another `ondol up` runs" in told(ondol(old, "restore", str(file)))
    finally:
        os.close(held)
    assert "There is no database" in told(ondol(tmp_path / "none", "backup", str(tmp_path / "x.backup")))


def test_a_backup_of_a_newer_version_is_refused(file, tmp_path):
    with archive.reading(file) as backup, archive.writing(newer := tmp_path / "newer.backup") as draft:
        with draft.dump() as target:
            backup.copy_dump(target)
        changed = {"ondol": "9.0", "migrations": ("instances.9999_later",)}
        draft.finish(dataclasses.replace(backup.manifest, **changed))
    said = told(ondol(tmp_path / "home", "restore", str(newer)))
    assert "newer Ondol (9.0): this one does not know instances.9999_later" in said
    assert not (tmp_path / "home/postgres").exists()
