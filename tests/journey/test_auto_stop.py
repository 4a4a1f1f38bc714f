"""AWS stops idle machines, neither early nor never, however soon a machine is started again.

Measured by AWS's own times: LaunchTime, and the alarm's history. So it does not matter how late we notice something,
and the bounds hold on a busy computer, though the clock here runs 120 times as fast: a minute of it is half a second.
What takes real time still takes many of those minutes: a stop, and our observing it, up to eleven. The gaps are longer
by that.
"""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from ondol.clock import Clock
from tests.journey.aws import stops_of, things_of
from tests.journey.site import Person, Site, furnished

pytestmark = [pytest.mark.slow, pytest.mark.waits, pytest.mark.timeout(300)]

SPEED = 120
GAPS = [1, 3, 5, 10, 20, 40, 60, 120]
BUSY = 80
"""The minutes of work: twice as long as an idle machine runs."""
_LOOP = """
while [ $(date +%s%3N) -lt {milliseconds} ]; do i=0; while [ $i -lt 9999 ]; do i=$((i+1)); done; sleep 0.03; done
"""
"""A third of a processor or more, three times what counts as idle, until that moment, the end of one of CloudWatch's
periods: if only a part of its last period were busy, it would depend on how busy this computer is whether that counts.
"""


@pytest.fixture(scope="module")
def fast_site(tmp_path_factory):
    site = Site(furnished(tmp_path_factory.mktemp("ondol") / "fast"), "--speed", str(SPEED)).start()
    yield site
    site.stop()


@pytest.fixture(scope="module")
def ended(fast_site, tmp_path_factory):
    """Return the results of all machines, which run side by side, since it takes long."""
    grace, *others = fast_site.people("grace", *(f"heidi{gap}" for gap in GAPS))
    with ThreadPoolExecutor(len(GAPS) + 1) as pool:
        busy = pool.submit(_busy_then_idle, grace, tmp_path_factory.mktemp("grace"))
        runs = {gap: pool.submit(_idle_twice, person, gap) for gap, person in zip(GAPS, others, strict=True)}
    return busy.result(), {gap: run.result() for gap, run in runs.items()}


def test_a_busy_machine_is_kept_and_then_stopped(ended):
    busy, idle = ended[0]
    assert busy >= BUSY
    assert 30 <= idle <= 41


@pytest.mark.parametrize("gap", GAPS)
def test_started_again_it_is_stopped_neither_early_nor_never(ended, gap):
    first, away, second = ended[1][gap]
    assert first >= 36
    assert away >= gap
    assert 36 <= second <= 42


def real(minutes: float) -> float:
    """Return real seconds."""
    return minutes * 60 / SPEED


def minutes(passed: timedelta) -> float:
    return passed.total_seconds() / 60


def started(person: Person) -> datetime:
    """Return the last start, on AWS's clock."""
    [machine] = things_of(person)["instance"]
    time_: datetime = machine["LaunchTime"]
    return time_


def until_idle(person: Person) -> None:
    assert person.wait_for("STOPPED", seconds=real(45) + 60, every=1)["status_reason"] == "IDLE"


def _busy_then_idle(person, folder):
    """Return the minutes from its start to the end of a busy loop, and from there to the machine's only stop."""
    person.create(seconds=90)
    clock = Clock.parse((person.site.home / "clock").read_text().strip())
    end = (clock.at(time.time()).timestamp() // 300 + 1) * 300 + BUSY * 60
    loop = _LOOP.format(milliseconds=round(1000 * (clock.real + (end - clock.virtual) / clock.speed)))
    person.ssh(person.key(folder), loop, seconds=real(BUSY) + 60)
    until_idle(person)
    done, [stop] = datetime.fromtimestamp(end, UTC), stops_of(person)
    return minutes(done - started(person)), minutes(stop - done)


def _idle_twice(person, gap):
    """Return the minutes of a first run, to the second start, and of that run; with nothing done in the machine."""
    person.create(seconds=90)
    first = started(person)
    until_idle(person)
    time.sleep(real(gap))
    assert person.call("POST", "/instances/start").status_code == 202
    person.wait_for("RUNNING", seconds=60)
    until_idle(person)
    second, (first_stop, second_stop) = started(person), stops_of(person)
    return tuple(minutes(passed) for passed in (first_stop - first, second - first_stop, second_stop - second))
