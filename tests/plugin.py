"""What every test stands on: settings, and a PostgreSQL of this run."""

import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings

from tests import clock

ROOT = Path(__file__).parents[1]
_SETTINGS = {
    "ONDOL_SECRET_KEY": "only-for-tests-0123456789-abcdefghijklmnopqrstuvwxyz",
    "ONDOL_VAULT_KEYS": "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=",
    "ONDOL_CLOUD": "local",
    "ONDOL_ENV_FILE": "",
    "PYTHONPATH": os.pathsep.join(map(str, (ROOT, ROOT / "localcloud/src"))),
}


HASTE = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}
"""Nothing of this server outlives the run."""


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
    os.environ |= _SETTINGS | {"ONDOL_HOME": f"{folder.name}/home", "ONDOL_CLOCK": clock.start(early_config)}
    early_config.add_cleanup(folder.cleanup)
    if not os.environ.get("DATABASE_URL"):
        from ondol.host.postgres import EmbeddedPostgres

        server = EmbeddedPostgres(Path(folder.name) / "postgres", lambda text: None, settings=HASTE)
        server.start(os.open(f"{folder.name}/postgres.log", os.O_WRONLY | os.O_CREAT))
        early_config.add_cleanup(server.stop)
        os.environ["DATABASE_URL"] = server.url


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What tests have to tell besides having passed: processes of their own would print it to nobody."""
    for reports in terminalreporter.stats.values():
        for report in reports:
            for name, value in getattr(report, "user_properties", ()):
                if name == "told" and report.when == "call":
                    terminalreporter.write_line(str(value))
