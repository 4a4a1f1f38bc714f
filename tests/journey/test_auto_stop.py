"""AWS stops idle machines, neither early nor never, however soon a machine is started again; people are warned before.

Measured by AWS's own times: LaunchTime, and the alarm's history. So it does not matter how late we notice something,
and the bounds hold on a busy computer, though the clock here runs 120 times as fast: a minute of it is half a second.
What takes real time still takes many of those minutes: a stop, and our observing it, up to eleven. The gaps are longer
by that.
"""

import re
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import requests

from ondol.clock import Clock
from tests.furnished import furnished
from tests.journey.aws import stops_of, things_of
from tests.journey.site import Person, Site, text_of, until

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


RULE_OF_STOP = """
SELECT (c.detail #>> '{rule,minutes}')::int FROM instances_statuschange c
JOIN instances_instance i ON i.id = c.instance_id JOIN accounts_user u ON u.id = i.owner_id
WHERE u.email = %s AND c.detail ? 'rule'
"""


@pytest.fixture(scope="module")
def fast_site(tmp_path_factory):
    site = Site(furnished(tmp_path_factory.mktemp("ondol") / "fast"), "--speed", str(SPEED)).start()
    yield site
    site.stop()


# --- warned ----------------------------------------------------------------------------------------------------------
def letters(site):
    """Return the links in the e-mails, oldest first."""
    return [link for file in site.letters() for link in re.findall(r"^http\S+(/awake/\S+/)$", text_of(file), re.M)]


def send(browser, address, **fields):
    """Open a page and send its form."""
    page = browser.get(address, timeout=20)
    assert page.status_code == 200
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text.partition("<main")[2])[1]
    return browser.post(address, fields | {"csrfmiddlewaretoken": token}, timeout=20)


def press(site, link):
    """Open the page of the e-mail's link, signed in nowhere, and press its button."""
    with requests.Session() as browser:
        return send(browser, site.url + link).status_code


def test_warned_kept_awake_past_the_old_deadline_warned_again_and_stopped(fast_site):
    alice = fast_site.person("alice")
    alice.create(seconds=90)
    [link] = until(lambda: letters(fast_site), 60, "a letter")
    assert alice.machine()["status"] == "RUNNING"
    assert press(fast_site, link) == 200
    assert requests.get(fast_site.url + link, timeout=20).status_code == 410
    until(lambda: len(letters(fast_site)) == 2, 60, "a letter about the later stop")
    assert alice.wait_for("STOPPED", seconds=90)["status_reason"] == "IDLE"
    [first, second] = fast_site.ask("SELECT at, stops_at, used_at FROM autostop_stopwarning ORDER BY at")
    [machine], [stop] = things_of(alice)["instance"], stops_of(alice)
    assert first[2] < first[1] < machine["LaunchTime"] + timedelta(minutes=45)
    assert second[0] < second[1] <= stop
    assert stop >= first[2] + timedelta(hours=1)
    assert len(letters(fast_site)) == 2
    assert link.split("/")[2] not in "".join(fast_site.lines)


def test_a_rule_changed_while_a_machine_runs_holds_for_this_run(fast_site):
    """Ada shortens Bob's 30 minutes to 15, and gives Carol 60."""
    new_minutes = {"bob": 15, "carol": 60}
    people = fast_site.people(*new_minutes)
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda person: person.create(seconds=90), people))
    with requests.Session() as ada:
        email, password = Path(fast_site.home, "admin.txt").read_text().split()
        send(ada, f"{fast_site.url}/accounts/login/", login=email, password=password)
        for person in people:
            [(pk,)] = fast_site.ask("SELECT id FROM accounts_user WHERE email = %s", person.email)
            page = f"{fast_site.url}/admin/policy/{pk}/"
            assert send(ada, page, idle_minutes=str(new_minutes[person.name])).url == page
    changed = dict(
        fast_site.ask("SELECT u.name, c.at FROM policy_policychange c JOIN accounts_user u ON u.id = owner_id")
    )
    for person in people:
        minutes = new_minutes[person.name]
        until(lambda: armed_minutes(person) == minutes, 20, "the alarm goes by the new rule")  # noqa: B023
        assert person.wait_for("STOPPED", seconds=120)["status_reason"] == "IDLE"
        [machine], [stop] = things_of(person)["instance"], stops_of(person)
        assert stop >= machine["LaunchTime"] + timedelta(minutes=minutes)
        assert stop >= changed[person.name.title()] + timedelta(minutes=15)
        [rule] = fast_site.ask(RULE_OF_STOP, person.email)
        assert rule == (minutes,)
    bob, carol = (stops_of(person)[0] for person in people)
    assert carol - bob >= timedelta(minutes=20)


def armed_minutes(person):
    """Return the minutes of the newest alarm in AWS: the one before goes only after that."""
    alarm = max(things_of(person)["alarm"], key=lambda alarm: alarm["AlarmConfigurationUpdatedTimestamp"])
    return alarm["EvaluationPeriods"] * alarm["Period"] / 60


# --- stopped ---------------------------------------------------------------------------------------------------------
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
