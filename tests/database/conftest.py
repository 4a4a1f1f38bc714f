"""A PostgreSQL with Ondol's tables, and ways to it that tests may break."""

import os
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from ondol.host.postgres import EmbeddedPostgres
from tests.database.way import Way
from tests.furnished import HASTE, environment, furnished

SECRETS = {name: os.environ[name] for name in ("ONDOL_SECRET_KEY", "ONDOL_VAULT_KEYS")}


def socket_of(server):
    """Return the path of a server's socket."""
    query = parse_qs(urlsplit(server.url).query)
    return Path(unquote(query["host"][0])) / f".s.PGSQL.{query['port'][0]}"


def url_of(*ways, name="ondol", more=""):
    """Return the application's DATABASE_URL for one way, or several."""
    hosts = ",".join(f"127.0.0.1:{way.port}" for way in ways)
    return f"postgresql://ondol_app@{hosts}/{name}{more}"


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return furnished(tmp_path_factory.mktemp("database") / "home")


@pytest.fixture(scope="module")
def server(home):
    """Run the server of that home."""
    running = EmbeddedPostgres(home / "postgres", lambda text: None, settings=HASTE)
    with (home.parent / "postgres.log").open("wb") as log:
        running.start(log.fileno())
        yield running
        running.stop()


@pytest.fixture
def way(server):
    """Make ways to it; takes what to replace in what it says."""
    made = []

    def make(*replaced, upstream=None):
        made.append(Way(upstream or socket_of(server), *replaced))
        return made[-1]

    yield make
    for one in made:
        one.end()


def settings(home, url):
    """Return the environment of a part on this database."""
    return environment(home, **SECRETS, DATABASE_URL=url, ONDOL_CLOUD="local", PYTHONUNBUFFERED="1")
