"""The units for several hosts, installed and started under a real systemd."""

import pytest

from ondol.deploy import units
from tests.deploy.booted import Booted


@pytest.fixture(scope="module")
def host(tmp_path_factory):
    """Boot a host on which the units for several hosts were installed, with a PostgreSQL and a metadata service."""
    if why := Booted.missing():
        pytest.skip(why)
    with Booted(tmp_path_factory.mktemp("host")) as booted:
        yield booted


METADATA = "http://169.254.169.254/latest/meta-data/"


@pytest.mark.slow
@pytest.mark.waits
@pytest.mark.timeout(600)
def test_the_units_for_several_hosts_start_and_stop_under_systemd(host):
    host.run("ip", "addr", "add", "169.254.169.254/32", "dev", "lo")
    host.start_beside("metadata", "-m", "http.server", "80", "--bind", "169.254.169.254")
    host.start_beside("database", "/opt/ondol/database.py")
    host.until(lambda: "ready" in host.journal("database"), "PostgreSQL answers")

    shown = host.run("/opt/ondol/.venv/bin/ondol", "install", "--several").stdout
    for word in ("user ondol: add", "/etc/ondol.env: write", "ondol-worker.service: write", "`--apply` does it"):
        assert word in shown
    assert not (host.root / "etc/ondol.env").exists()
    assert not list((host.root / "etc/systemd/system").glob("ondol*"))
    said = host.run("/opt/ondol/.venv/bin/ondol", "install", "--several", "--apply").stdout
    assert "user ondol: add" in said
    again = host.run("/opt/ondol/.venv/bin/ondol", "install", "--several", "--apply").stdout
    assert again.count("nothing to do") == 3
    host.settings(DATABASE_URL="postgresql://ondol@127.0.0.1:5432/ondol")
    for line in said.partition("Then:\n")[2].splitlines():
        if line.strip().startswith("systemctl "):
            host.run(*line.partition("#")[0].split())

    host.until(lambda: host.asks("http://127.0.0.1:8000/healthz") == 0, "web answers")
    host.until(lambda: "worker is ready" in host.journal("ondol-worker"), "the worker is ready")
    # A database that is away for longer than systemd's usual patience of five starts.
    host.run("systemctl", "stop", "database")
    host.until(lambda: host.restarts("ondol-worker") > 6, "the worker was started again and again")
    assert host.asks("http://127.0.0.1:8000/healthz") == 22  # curl: an error of HTTP
    host.start_beside("database", "/opt/ondol/database.py")
    host.until(lambda: host.asks("http://127.0.0.1:8000/healthz") == 0, "web answers again")
    assert host.restarts("ondol-web") == 0

    for name in ("ondol-web", "ondol-worker"):
        host.run("systemctl", "stop", name)
        assert host.shows(name, "Result") == "success", "nothing was killed"
    reached = {name for name in units.SEVERAL if host.unit_runs(name, "/usr/bin/curl", "-sfm", "3", METADATA[:23])}
    assert reached == {"ondol-worker.service"}
