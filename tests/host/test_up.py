"""`ondol up` under bad conditions: a hostile shell, a closed terminal, a database that fails, a stop at any moment."""

import contextlib
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
import requests

from ondol.host.home import new_secret_key, new_vault_key
from ondol.host.postgres import EmbeddedPostgres
from ondol.host.tree import STOPS_WITHIN
from tests.furnished import ONDOL, environment, furnished
from tests.journey.site import Site, alive, free_port, until

pytestmark = [pytest.mark.slow, pytest.mark.enable_socket]


@pytest.mark.parametrize("moment", [0.4, 1.4, 2.4])
def test_stopped_while_it_starts(tmp_path, moment):
    site = Site(tmp_path / "home")
    with (tmp_path / "output").open("wb") as output:
        site.process = subprocess.Popen(
            [*ONDOL, "up", "--port", str(site.port)], env=site.env, stdout=output, stderr=output
        )
        until(lambda: (site.home / "lock").exists(), 20, "it has begun")
        time.sleep(moment)
        pids = site.processes()
        site.process.send_signal(signal.SIGTERM)
        assert site.process.wait(sum(STOPS_WITHIN.values())) == 0
    until(lambda: not alive(pids), 3, "all have gone")
    assert "Traceback" not in (tmp_path / "output").read_text()


def test_a_part_that_fails_at_start_is_told_in_a_sentence_and_nothing_stays(tmp_path):
    home = furnished(tmp_path / "home")
    shutil.rmtree(home / "static")
    (home / "static").touch()  # where the web part wants a folder
    words = [*ONDOL, "up", "--port", str(free_port())]
    done = subprocess.run(words, env=environment(home), text=True, capture_output=True, timeout=60)
    assert done.returncode == 1
    sentence = done.stderr.splitlines()[-1]
    assert sentence == f"ondol: The part `web` ended at its start: {home / 'static'}: File exists."
    assert "Traceback" not in done.stderr
    assert "Ondol is ready" not in done.stdout
    assert str(home).encode() not in b"".join(command_lines())


def command_lines():
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if process.name != str(os.getpid()):
                yield (process / "cmdline").read_bytes()


@pytest.fixture
def elsewhere(tmp_path):
    """Run a PostgreSQL that is not ours to start."""
    server = EmbeddedPostgres(tmp_path / "elsewhere", lambda text: None)
    with (tmp_path / "postgres.log").open("ab") as log:
        server.output = log.fileno()
        server.start(server.output)
        yield server
        server.stop()


def test_a_database_of_ones_own_goes_and_comes_back(elsewhere, tmp_path):
    site = Site(tmp_path / "home", DATABASE_URL=elsewhere.url).start()
    try:
        assert not (site.home / "postgres").exists()
        elsewhere.stop()
        page = requests.get(f"{site.url}/accounts/login/", timeout=10)
        assert page.status_code == requests.get(f"{site.url}/healthz", timeout=10).status_code == 503
        assert page.headers["Retry-After"]
        assert "Traceback" not in page.text
        elsewhere.start(elsewhere.output)
        until(site.is_healthy, 15, "it answers again")
        until(lambda: site.children("ondol worker"), 15, "the worker is back")
    finally:
        assert site.stop() == 0
    assert elsewhere.is_running


@pytest.fixture
def lone_web(tmp_path):
    """Run `ondol web` while its PostgreSQL is away."""
    settings = {
        "DATABASE_URL": "postgresql://ondol:hunter2@127.0.0.1:9/ondol",
        "ONDOL_SECRET_KEY": new_secret_key(), "ONDOL_VAULT_KEYS": new_vault_key(),
    }  # fmt: skip
    env, port = environment(tmp_path / "home", **settings), free_port()
    with (
        (tmp_path / "output").open("wb") as output,
        subprocess.Popen([*ONDOL, "web", "--port", str(port)], env=env, stdout=output, stderr=output) as web,
    ):
        yield f"http://127.0.0.1:{port}", env
        web.send_signal(signal.SIGTERM)
        assert web.wait(10) == 0


def test_web_alone_waits_for_its_database_and_does_not_share_its_port(lone_web, tmp_path):
    url, env = lone_web
    until(lambda: requests.get(f"{url}/healthz", timeout=5).status_code == 503, 30, "it answers")
    assert requests.get(f"{url}/", timeout=10).status_code == 503
    words = [*ONDOL, "web", "--port", url.rpartition(":")[2]]
    second = subprocess.run(words, env=env, text=True, capture_output=True, timeout=30)
    assert second.returncode == 1
    assert "Address already in use" in second.stderr
    assert "hunter2" not in second.stderr + (tmp_path / "output").read_text()
