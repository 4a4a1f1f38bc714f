"""`ondol migrate` ends well: two at once, and after one that was killed while it built an index."""

import subprocess

import psycopg
import pytest

from tests.database.conftest import settings
from tests.furnished import ONDOL
from tests.journey.site import until

pytestmark = [pytest.mark.slow, pytest.mark.enable_socket]
VALID = "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(%s)"
BUILDS = {
    "audit_action": ("audit", "0003", "audit_entry"),
    "status_change_at": ("instances", "0024", "instances_statuschange"),
    "last_change_of_machine": ("instances", "0025", "instances_statuschange"),
}
"""An index, app and migration before it, and its table."""


@pytest.fixture
def database(server):
    """Make databases; returns the way to one, as the owner of its tables."""
    with psycopg.connect(server.url, autocommit=True) as admin:
        made = []

        def make(template):
            made.append(f"migrate_{len(made)}")
            admin.execute(f"CREATE DATABASE {made[-1]} TEMPLATE {template}")
            return server.url.replace("/ondol?", f"/{made[-1]}?")

        yield make
        for name in made:
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


def start(home, url, *words):
    return subprocess.Popen(
        [*ONDOL, *words], env=settings(home, url), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def end(run):
    """Wait for its end; return its code and what it said."""
    said, _ = run.communicate(timeout=100)
    return run.returncode, said


def test_two_at_once_on_a_fresh_database_both_end_well(home, database):
    """Who waits for the other must not be waited for by its CREATE INDEX CONCURRENTLY."""
    url = database("template0")
    runs = [start(home, url, "migrate") for _ in range(2)]
    ends = [end(run) for run in runs]
    assert [code for code, _said in ends] == [0, 0], ends
    with psycopg.connect(url) as owner:
        assert [owner.execute(VALID, [name]).fetchone() for name in BUILDS] == [(True,)] * 3
        assert owner.execute("SELECT count(*) FROM pg_index WHERE NOT indisvalid").fetchone() == (0,)


@pytest.mark.parametrize("index", BUILDS)
def test_an_index_whose_build_was_killed_is_built_again(home, database, index):
    app, before, table = BUILDS[index]
    url = database("ondol")
    back = end(start(home, url, "manage", "migrate", app, before))
    assert back[0] == 0, back
    with psycopg.connect(url, autocommit=True) as owner, psycopg.connect(url) as somebody:
        assert owner.execute(VALID, [index]).fetchone() is None
        somebody.execute(f"LOCK TABLE {table} IN ROW EXCLUSIVE MODE")  # as whoever writes a row
        run = start(home, url, "migrate")
        until(lambda: owner.execute(VALID, [index]).fetchone(), 60, "the build has begun")
        owner.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND query LIKE 'CREATE INDEX CONCURRENTLY%'"
        )
        code, said = end(run)
        assert code != 0
        assert "Traceback" not in said
        assert owner.execute(VALID, [index]).fetchone() == (False,)
        somebody.rollback()
        again = end(start(home, url, "migrate"))
        assert again[0] == 0, again
        assert owner.execute(VALID, [index]).fetchone() == (True,)


def test_an_index_that_is_there_already_is_left_as_it_is(home, database):
    """Its build was done, and its migration was not noted any more."""
    url = database("ondol")
    with psycopg.connect(url, autocommit=True) as owner:
        before = owner.execute("SELECT to_regclass('audit_action')::oid").fetchone()
        owner.execute("DELETE FROM django_migrations WHERE app = 'audit' AND name = '0004_by_action'")
        done = end(start(home, url, "migrate"))
        assert done[0] == 0, done
        assert owner.execute("SELECT to_regclass('audit_action')::oid").fetchone() == before
