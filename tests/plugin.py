"""What every test stands on: settings, and a PostgreSQL of this run."""

import os
import random
import tempfile
from pathlib import Path

import psycopg
import pytest
from django.db import connections
from hypothesis import settings

from tests import clock

ROOT = Path(__file__).parents[1]
SETTINGS = {
    "ONDOL_SECRET_KEY": "only-for-tests-0123456789-abcdefghijklmnopqrstuvwxyz",
    "ONDOL_VAULT_KEYS": "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=",
    "ONDOL_CLOUD": "local",
    "ONDOL_ENV_FILE": "",
    "PYTHONPATH": os.pathsep.join(map(str, (ROOT, ROOT / "localcloud/src"))),
}
_TEMPLATE = "ondol_tests_template"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let `make fuzz` say for how long, and a run be repeated."""
    group = parser.getgroup("fuzz", "hostile requests (tests/web/fuzz)")
    group.addoption("--fuzz-minutes", type=float, default=0, help="how long each goes on; 0: a small sample")
    group.addoption("--fuzz-seed", type=int, default=random.randrange(10**6), help="repeats what was drawn")
    looks = parser.getgroup("looks", "pictures of pages (tests/web/test_looks.py)")
    looks.addoption("--looks", type=Path, help="look at all pages in all ways, and put their pictures into this folder")


def pytest_configure() -> None:
    """Give property tests no deadline: how long an example takes depends on what else the computer does."""
    settings.register_profile("untimed", settings.default, deadline=None)
    settings.load_profile("untimed")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items):
    """What waits most of its time begins first, and others work meanwhile. All else as pytest-django has put it."""
    items.sort(key=lambda item: item.get_closest_marker("waits") is None)


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config):
    """Prepare the environment before pytest-django reads Django's settings. Workers of xdist inherit all of it."""
    if worker := os.environ.get("PYTEST_XDIST_WORKER"):
        os.environ["ONDOL_HOME"] += f"-{worker}"  # one collects styles while another would read them
        return
    for name in [name for name in os.environ if name.startswith(("ONDOL_", "AWS_", "PYTHONDONTWRITEBYTECODE"))]:
        del os.environ[name]  # the last: hundreds of processes would compile the same files
    folder = tempfile.TemporaryDirectory(prefix="ondol-tests-", ignore_cleanup_errors=True)
    os.environ |= SETTINGS | {"ONDOL_HOME": f"{folder.name}/home", "ONDOL_CLOCK": clock.start(early_config)}
    early_config.add_cleanup(folder.cleanup)
    if not os.environ.get("DATABASE_URL"):
        _start_postgres(early_config, Path(folder.name))


def _start_postgres(config: pytest.Config, folder: Path) -> None:
    """Start the server of this run. If there are several workers, they copy one database instead of each migrating
    its own."""
    from ondol.host.postgres import EmbeddedPostgres
    from tests.furnished import HASTE, furnished

    has_workers = bool(getattr(config.known_args_namespace, "numprocesses", None))
    home = furnished(folder / "server") if has_workers else folder / "server"
    server = EmbeddedPostgres(home / "postgres", lambda text: None, settings=HASTE)
    server.start(os.open(f"{folder}/postgres.log", os.O_WRONLY | os.O_CREAT))
    config.add_cleanup(server.stop)
    os.environ["DATABASE_URL"] = server.url
    if has_workers:
        with psycopg.connect(server.url, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {_TEMPLATE} TEMPLATE ondol")
        os.environ["TESTS_TEMPLATE"] = _TEMPLATE


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix: None) -> None:
    """Let Django copy the migrated database, if there is one."""
    connections["default"].settings_dict["TEST"]["TEMPLATE"] = os.environ.get("TESTS_TEMPLATE")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What tests have to tell besides having passed: processes of their own would print it to nobody."""
    for reports in terminalreporter.stats.values():
        for report in reports:
            for name, value in getattr(report, "user_properties", ()):
                if name == "told" and report.when == "call":
                    terminalreporter.write_line(str(value))
