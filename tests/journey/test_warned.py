"""Alice is warned before her idle machine stops, keeps it awake from the e-mail, is warned again, and it does stop.

Bob's and Carol's rules are changed while their machines run. The clock here runs 120 times as fast: a minute of it is
half a second, and an e-mail comes six seconds before the stop.
"""

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
import requests

from tests.journey.aws import stops_of, things_of
from tests.journey.site import Site, furnished, text_of, until

pytestmark = [pytest.mark.slow, pytest.mark.waits, pytest.mark.timeout(240)]

RULE_OF_STOP = """
SELECT (c.detail #>> '{rule,minutes}')::int FROM instances_statuschange c
JOIN instances_instance i ON i.id = c.instance_id JOIN accounts_user u ON u.id = i.owner_id
WHERE u.email = %s AND c.detail ? 'rule'
"""


@pytest.fixture(scope="module")
def fast_site(tmp_path_factory):
    site = Site(furnished(tmp_path_factory.mktemp("ondol") / "fast"), "--speed", "120").start()
    yield site
    site.stop()


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
    """Return the minutes of the alarm in AWS."""
    [alarm] = things_of(person)["alarm"]
    return alarm["EvaluationPeriods"] * alarm["Period"] / 60
