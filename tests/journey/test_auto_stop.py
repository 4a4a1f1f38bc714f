"""AWS stops what idles, neither early nor never, however soon a machine is started again.

On a clock that runs 60 times as fast, a minute of the machines' clock is a second here.
"""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.journey.site import Site

pytestmark = [pytest.mark.slow, pytest.mark.enable_socket, pytest.mark.timeout(420)]

SPEED = 60


@pytest.fixture(scope="module")
def fast_site(tmp_path_factory):
    site = Site(tmp_path_factory.mktemp("ondol-fast"), "--speed", str(SPEED)).start()
    yield site
    site.stop()


def minutes(seconds: float) -> float:
    return seconds * SPEED / 60


def test_a_busy_machine_is_kept_and_an_idle_one_stopped(fast_site, tmp_path):
    grace = fast_site.person("grace")
    grace.create()
    key = grace.key(tmp_path)
    grace.ssh(key, "nohup sh -c 'timeout 75 sh -c \"while :; do :; done\"' >/dev/null 2>&1 &")
    ends = time.monotonic() + 75
    while time.monotonic() < ends - 1:
        machine = grace.machine()
        assert machine
        assert machine["status"] == "RUNNING"
        time.sleep(1)
    stopped = grace.wait_for("STOPPED", seconds=60)
    assert stopped["status_reason"] == "IDLE"
    assert 28 <= minutes(time.monotonic() - ends) <= 42


def test_started_again_it_is_stopped_neither_early_nor_never(fast_site):
    gaps = [1, 3, 5, 10, 20, 40, 60, 120]
    people = [fast_site.person(f"heidi{gap}") for gap in gaps]
    with ThreadPoolExecutor(len(gaps)) as pool:
        runs = list(pool.map(_idle_again, people, gaps))
    assert all(28 <= run <= 45 for run in runs), dict(zip(gaps, runs, strict=True))


def _idle_again(person, gap):
    """Minutes from the second start to the stop that follows, with nothing done in the machine."""
    person.create(seconds=90)
    assert person.wait_for("STOPPED", seconds=90)["status_reason"] == "IDLE"
    time.sleep(gap * 60 / SPEED)
    assert person.call("POST", "/instances/start").status_code == 202
    person.wait_for("RUNNING", seconds=60)
    began = time.monotonic()
    assert person.wait_for("STOPPED", seconds=90)["status_reason"] == "IDLE"
    return minutes(time.monotonic() - began)
