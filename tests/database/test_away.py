"""The way to the database is closed or swallows everything: pages say so in time, and a worker waits."""

import signal
import subprocess
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial

import psycopg
import pytest
import requests

from ondol.database.url import read
from ondol.host.postgres import EmbeddedPostgres
from tests.database.conftest import settings, socket_of, url_of
from tests.furnished import HASTE, ONDOL, furnished
from tests.journey.site import free_port, until

pytestmark = [pytest.mark.slow, pytest.mark.waits, pytest.mark.enable_socket]
TRIAL = {
    "AWS_VPC_ID": "vpc-11111111", "AWS_SUBNET_ID": "subnet-11111111",
    "ONDOL_SSH_CIDRS": "203.0.113.0/24", "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
    "AWS_ACCESS_KEY_ID": "nobody", "AWS_SECRET_ACCESS_KEY": "nothing",
}  # fmt: skip


@contextmanager
def part(*words, env):
    """Run a part, and stop it."""
    with (
        tempfile.TemporaryFile() as log,
        subprocess.Popen([*ONDOL, *words], env=env, stdout=log, stderr=log) as process,
    ):
        try:
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(20) is not None


@contextmanager
def web(home, url):
    port = free_port()
    with part("web", "--port", str(port), env=settings(home, url)):
        address = f"http://127.0.0.1:{port}"
        until(lambda: status(f"{address}/healthz") == 200, 60, "it answers")
        yield address


def status(address, cookies=None):
    try:
        return requests.get(address, timeout=30, cookies=cookies).status_code
    except requests.ConnectionError:
        return None


def timed(address, cookies=None):
    began = time.monotonic()
    return status(address, cookies), time.monotonic() - began


def a_style(address):
    page = requests.get(f"{address}/accounts/login/", timeout=30)
    return address + page.text.partition('<link rel="stylesheet" href="')[2].partition('"')[0]


def test_a_way_that_swallows_everything_is_told_in_time_and_forgotten_afterwards(home, way):
    only = way()
    with web(home, url_of(only)) as address:
        style = a_style(address)
        assert style.endswith(".css")
        assert status(style) == 200
        only.is_swallowing = True
        with ThreadPoolExecutor(24) as people:
            pages = [people.submit(timed, f"{address}/accounts/login/") for _ in range(16)]
            pages.append(people.submit(timed, f"{address}/api/instances/status"))
            for _ in range(4):
                time.sleep(2)
                missing = [  # of a page of the version before: as many at once as there are threads for files
                    people.submit(timed, f"{address}/static/ondol/none.{kind}", {"ondol_session": "alice"})
                    for kind in ("css", "js")
                ]
                probes = [timed(f"{address}/healthz"), timed(f"{address}/livez"), timed(style)]
                probes += [one.result() for one in missing]
                assert [code for code, _took in probes] == [503, 200, 200, 404, 404]
                assert max(took for _code, took in probes) < 2
            answers = [page.result() for page in pages]
        assert {code for code, _took in answers} == {503}
        assert max(took for _code, took in answers) < 15
        only.is_swallowing = False
        until(lambda: status(f"{address}/accounts/login/") == 200, 20, "pages are back")
        until(lambda: status(f"{address}/healthz") == 200, 5, "it says so")


def beats(server):
    with psycopg.connect(server.url) as connection:
        query = "SELECT count(*) FROM procrastinate_workers WHERE last_heartbeat > now() - interval '4 s'"
        return connection.execute(query).fetchone()[0]


def test_a_worker_waits_as_long_as_it_takes(home, server, way):
    def probes():
        return status(f"{probe}/livez"), status(f"{probe}/healthz")

    beating = partial(beats, server)
    only, port = way(), free_port()
    probe = f"http://127.0.0.1:{port}"
    with part("worker", "--metrics-port", str(port), env=settings(home, url_of(only)) | TRIAL) as worker:
        until(beating, 60, "it works")
        for broken in ("is_closed", "is_swallowing"):
            only.close() if broken == "is_closed" else setattr(only, broken, True)
            until(lambda: not beating(), 20, "nothing comes through")
            time.sleep(35)  # longer than it takes to be given up
            assert worker.poll() is None
            until(lambda: probes() == (200, 503), 10, "it is alive, and takes no jobs")
            assert "ondol_database_up 0.0" in requests.get(f"{probe}/metrics", timeout=30).text
            setattr(only, broken, False)
            until(beating, 60, "it works again")
            until(lambda: probes() == (200, 200), 10, "it says so")
        assert worker.poll() is None  # the same process: a supervisor has seen no end


@pytest.mark.timeout(200)
def test_a_worker_that_postgresql_cuts_off_while_it_starts_begins_again(home, server, way):
    """Nothing comes through for longer than PostgreSQL lets a transaction be idle."""
    only = way()
    only.swallow_from = b"procrastinate_defer_jobs"  # the last that it does before it works
    with part("worker", env=settings(home, url_of(only)) | TRIAL) as worker:
        until(lambda: only.is_swallowing, 60, "it is on the way")
        time.sleep(13)
        only.is_swallowing = False
        until(partial(beats, server), 60, "it works")
        assert worker.poll() is None


def test_pages_follow_a_failover_and_say_who_they_are(home, server, way):
    first, second = way(), way()
    second.close()
    with web(home, url_of(first, second)) as address:
        with psycopg.connect(server.url) as connection:
            names = connection.execute("SELECT DISTINCT application_name FROM pg_stat_activity").fetchall()
        assert ("ondol web",) in names
        first.close()
        second.is_closed = False
        until(lambda: status(f"{address}/healthz") == 200, 20, "it has found the second host")
        assert status(f"{address}/accounts/login/") == 200


@pytest.mark.parametrize("spelling", ["in the host part", "as parameters"])
def test_of_several_hosts_the_one_that_takes_writes_is_used(home, server, way, tmp_path, spelling):
    standby = EmbeddedPostgres(
        furnished(tmp_path / "standby") / "postgres",
        lambda text: None,
        settings={**HASTE, "default_transaction_read_only": "on", "cluster_name": "standby"},
    )
    with (tmp_path / "log").open("wb") as log:
        standby.start(log.fileno())
        try:
            ways = way(upstream=socket_of(standby)), way()
            if spelling == "in the host part":
                url = url_of(*ways)
            else:
                ports = ",".join(str(one.port) for one in ways)
                url = f"postgresql:///ondol?user=ondol&host=127.0.0.1,127.0.0.1&port={ports}"
            with psycopg.connect(**read(url)) as connection:
                assert connection.info.port == ways[1].port
        finally:
            standby.stop()
