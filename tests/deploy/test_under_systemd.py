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

    # Of what somebody may have installed on the host below.
    host.run("sh", "-c", "userdel ondol; rm -rf /etc/systemd/system/ondol* /etc/ondol.env /var/lib/ondol; true")
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
    host.run("systemctl", "stop", "database")
    host.until(lambda: "waiting for it" in host.journal("ondol-worker"), "the worker waits for PostgreSQL")
    assert host.asks("http://127.0.0.1:8000/healthz") == 22  # curl: an error of HTTP
    host.start_beside("database", "/opt/ondol/database.py")
    host.until(lambda: host.asks("http://127.0.0.1:8000/healthz") == 0, "web answers again")
    host.until(lambda: host.journal("ondol-worker").count("worker is ready") == 2, "the worker is ready again")
    assert [host.restarts(name) for name in ("ondol-web", "ondol-worker")] == [0, 0]

    for name in ("ondol-web", "ondol-worker"):
        host.run("systemctl", "stop", name)
        assert host.shows(name, "Result") == "success", "nothing was killed"
    reached = {name for name in units.SEVERAL if host.unit_runs(name, "/usr/bin/curl", "-sfm", "3", METADATA[:23])}
    assert reached == {"ondol-worker.service"}
