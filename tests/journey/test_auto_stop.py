"""AWS stops what idles, neither early nor never, however soon a machine is started again.

On a clock that runs 120 times as fast, a minute of the machines' clock is half a second here; a stop itself takes two
seconds and is noticed within two more, which is eight of those minutes.
"""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.journey.site import Site

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

SPEED = 120
GAPS = [1, 3, 5, 10, 20, 40, 60, 120]
NOTICED = 12
"""Minutes of that clock from a stop to our seeing it."""


@pytest.fixture(scope="module")
def fast_site(tmp_path_factory):
    site = Site(tmp_path_factory.mktemp("ondol-fast"), "--speed", str(SPEED)).start()
    yield site
    site.stop()


@pytest.fixture(scope="module")
def ended(fast_site, tmp_path_factory):
    """What became of everybody; they do it side by side, since it takes long."""
    people = {gap: fast_site.person(f"heidi{gap}") for gap in GAPS}
    grace = fast_site.person("grace")
    with ThreadPoolExecutor(len(GAPS) + 1) as pool:
        busy = pool.submit(_busy_then_idle, grace, tmp_path_factory.mktemp("grace"))
        runs = {gap: pool.submit(_idle_again, person, gap) for gap, person in people.items()}
    return busy.result(), {gap: run.result() for gap, run in runs.items()}


def test_a_busy_machine_is_kept_and_then_stopped(ended):
    kept, idle = ended[0]
    assert kept
    assert 28 <= idle <= 42 + NOTICED


@pytest.mark.parametrize("gap", GAPS)
def test_started_again_it_is_stopped_neither_early_nor_never(ended, gap):
    assert 36 <= ended[1][gap] <= 42 + NOTICED


def minutes(seconds: float) -> float:
    return seconds * SPEED / 60


def _busy_then_idle(person, folder):
    """Whether it ran on while busy for 80 minutes, and the minutes from then to its stop."""
    person.create(seconds=90)
    key = person.key(folder)
    seconds = 80 * 60 / SPEED
    person.ssh(key, f"nohup timeout {seconds} sh -c 'while :; do :; done' >/dev/null 2>&1 &")
    end = time.monotonic() + seconds
    seen = set()
    while time.monotonic() < end - 1:
        seen.add((person.machine() or {}).get("status"))
        time.sleep(1)
    assert person.wait_for("STOPPED", seconds=60)["status_reason"] == "IDLE"
    return seen == {"RUNNING"}, minutes(time.monotonic() - end)


def _idle_again(person, gap):
    """Minutes from the second start to the stop that follows, with nothing done in the machine."""
    person.create(seconds=90)
    assert person.wait_for("STOPPED", seconds=90)["status_reason"] == "IDLE"
    time.sleep(gap * 60 / SPEED)
    assert person.call("POST", "/instances/start").status_code == 202
    began = time.monotonic()
    person.wait_for("RUNNING", seconds=60)
    assert person.wait_for("STOPPED", seconds=90)["status_reason"] == "IDLE"
    return minutes(time.monotonic() - began)
