"""Two servers: the system's own PostgreSQL and the embedded one of this run, and a database with people."""

import os
from itertools import count

import pytest

from ondol.backup import dump
from tests.backup import servers

_numbers = count()


@pytest.fixture(scope="session")
def older():
    """Run the system's own PostgreSQL."""
    if servers.SYSTEMS is None:
        pytest.skip("no PostgreSQL in /usr/lib/postgresql")
    with servers.systems_postgres() as url:
        yield url


@pytest.fixture(scope="session")
def newer():
    """Return the URL of the embedded server of this run."""
    return os.environ["DATABASE_URL"]


@pytest.fixture(scope="session")
def source(older, tmp_path_factory):
    """Return the URL of a database with three people, which no test changes."""
    servers.peopled(older, tmp_path_factory.mktemp("peopled"))
    return older


@pytest.fixture
def copy(older, source):
    """Return the URL of a copy of that database, to be replaced."""
    return servers.database(older, f"copy{next(_numbers)}", "TEMPLATE ondol")


@pytest.fixture(scope="session")
def backup(source, tmp_path_factory):
    """Return a backup of the database with three people."""
    dump.back_up(source, file := tmp_path_factory.mktemp("backups") / "ondol.backup")
    return file


@pytest.fixture
def empty(older, newer):
    """Return a function that makes an empty database on one of the servers."""

    def make(server, options=""):
        return servers.database(older if server == "older" else newer, f"empty{next(_numbers)}", options)

    return make
