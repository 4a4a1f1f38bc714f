"""Your own machine, in every status."""

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from ondol import clock
from ondol.accounts.models import Role
from ondol.autostop.models import CpuReading
from ondol.config import config
from ondol.costs.models import Budget, ListPrice
from ondol.instances import actions
from ondol.instances.models import Instance, Run, SshKey
from ondol.instances.states import CHANGING, Reason, Status
from ondol.policy.models import Policy
from tests.instances.rig import RUN_FIELDS
from tests.web.conftest import machine

HTMX = {"HX-Request": "true"}
LIVING = [status for status in Status if status is not Status.TERMINATED]
BUTTONS = {
    Status.RUNNING: {"machine_stop", "machine_key"},
    Status.STOPPED: {"machine_start", "machine_key"},
    Status.FAILED: {"machine_create"},
    Status.PENDING: set(),
    Status.STARTING: {"machine_key"},
    Status.STOPPING: {"machine_key"},
    Status.TERMINATING: set(),
}


PACE = re.compile(r'id="machine"[^>]*\shx-trigger="every (\d+)s')


def poll_of(page):
    """Return the address that this page polls."""
    return re.search(r'hx-get="([^"]+)"', page)[1].replace("&amp;", "&")


def wishes_on(page):
    names = ["machine_create", "machine_start", "machine_stop", "machine_key"]
    return {name for name in names if f'action="{reverse(name)}"' in page}


def test_without_a_machine_bob_sees_what_the_button_makes_and_costs(bob, browser_of):
    page = browser_of(bob).get("/").text
    assert wishes_on(page) == {"machine_create"}
    for words in (
        "t3.small",
        'value="30"',
        "Seoul",
        "$0.031 per running hour",
        "$8.29",
        "below 10% of one core for 30 minutes",
    ):
        assert words in page


def test_where_the_price_is_not_known_none_is_shown(bob, browser_of, monkeypatch):
    monkeypatch.setattr(config(), "instance_type", "p5.48xlarge")
    monkeypatch.setattr(config(), "instance_types", ())
    page = browser_of(bob).get("/").text
    assert "p5.48xlarge" in page
    assert "per running hour" not in page


@pytest.mark.parametrize("status", LIVING)
def test_only_the_buttons_that_the_state_allows(bob, browser_of, status):
    machine(bob, status)
    assert wishes_on(browser_of(bob).get("/").text) == BUTTONS[status]


@pytest.mark.parametrize("status", LIVING)
def test_the_key_is_offered_where_it_is_given(bob, browser_of, status):
    machine(bob, status)
    browser = browser_of(bob)
    given = browser.post(reverse("machine_key")).status_code == 200
    assert ("machine_key" in wishes_on(browser.get("/").text)) == given


def test_no_new_attempt_beside_a_machine_that_the_database_does_not_know(bob, browser_of):
    machine(bob, Status.FAILED, unrecognized_instance_ids=["i-0123456789abcdef0"], is_clean=False)
    page = browser_of(bob).get("/").text
    assert wishes_on(page) == set()
    assert "that this database does not know. " in " ".join(page.split())
    assert "An administrator has to look at it first" in page


@pytest.mark.parametrize("status", LIVING)
def test_it_polls_only_while_something_changes(bob, browser_of, status):
    machine(bob, status)
    page = browser_of(bob).get("/").text
    assert bool(PACE.search(page)) == (status in CHANGING)
    assert "ondol:visible from:body" in page


@pytest.mark.parametrize(("seconds", "pace"), [(0, "1"), (25, "1"), (35, "3"), (170, "3"), (190, "10"), (9000, "10")])
def test_it_polls_less_often_the_longer_it_takes(bob, browser_of, seconds, pace):
    machine(bob, Status.PENDING, minutes_ago=seconds / 60)
    browser = browser_of(bob)
    page = browser.get("/").text
    assert PACE.search(page)[1] == pace
    assert browser.get(poll_of(page), headers=HTMX).status_code == 204
    Instance.objects.update(status_since=clock.now() - timedelta(hours=1))
    assert PACE.search(browser.get(poll_of(page), headers=HTMX).text)[1] == "10"


def test_each_step_that_the_worker_records_is_shown_by_the_next_poll(bob, browser_of):
    row, browser = machine(bob, Status.PENDING, minutes_ago=0, key=False), browser_of(bob)
    seen, page = [], browser.get("/").text
    for progress in (
        {"security_group_id": "sg-1"},
        {"instance_id": "i-1", "seen_view": "pending"},
        {"armed_at": clock.now()},
        {"seen_view": "running"},
        {"ready_at": clock.now()},
    ):
        table = Run if progress.keys() <= RUN_FIELDS else Instance
        table.objects.update(**progress)
        if "instance_id" in progress:
            SshKey.objects.create(instance=row, sealed_private_key=b"sealed")
        page = browser.get(poll_of(page), headers=HTMX).text
        current = re.search(r'(?s)aria-current="step".*?<span>(.*?)</li>', page)
        seen.append(" ".join(re.sub("<[^>]+>", "", current[1]).split()) if current else "all done")
    assert seen == [
        "Preparing the key",
        "Setting auto-stop",
        "Ready to connect The server is booting.",
        "Ready to connect The server runs; SSH is next.",
        "all done",
    ]


def test_polling_ends_by_an_element_without_its_trigger(bob, browser_of):
    row = machine(bob, Status.STARTING)
    browser = browser_of(bob)
    poll = poll_of(browser.get("/").text)
    assert browser.get(poll, headers=HTMX).status_code == 204
    Instance.objects.filter(pk=row.pk).update(status=Status.RUNNING, public_ip="203.0.113.9")
    answer = browser.get(poll, headers=HTMX).text
    assert not PACE.search(answer)
    assert "203.0.113.9" in answer
    assert 'id="announcement" hx-swap-oob="innerHTML"' in answer


def test_the_same_state_is_not_announced_twice(bob, browser_of):
    machine(bob, Status.PENDING)
    assert "announcement" not in browser_of(bob).get("/machine/?v=old&s=PENDING", headers=HTMX).text


@pytest.mark.parametrize("status", LIVING)
def test_a_poll_that_finds_nothing_new_reckons_nothing(bob, browser_of, status):
    """Fifty people who wait poll at once: neither prices nor costs, rules nor the CPU are read for a 204."""
    row, browser = machine(bob, status), browser_of(bob)
    CpuReading.objects.create(instance=row, at=clock.now(), percent=3)
    poll = poll_of(browser.get("/").text)
    with CaptureQueriesContext(connection) as asked:
        assert browser.get(poll, headers=HTMX).status_code == 204
    tables = [model._meta.db_table for model in (CpuReading, ListPrice, Budget, Policy)]
    assert not [query["sql"] for query in asked if any(table in query["sql"] for table in tables)]
    assert len(asked) <= 6


def test_a_click_works_without_javascript(bob, browser_of):
    answer = browser_of(bob).post(reverse("machine_create"), follow=True)
    assert answer.redirect_chain == [("/", 302)]
    assert "Creating" in answer.text


def test_a_click_answers_at_once_with_javascript(bob, browser_of):
    machine(bob, Status.STOPPED)
    answer = browser_of(bob).post(reverse("machine_start") + "?s=STOPPED", headers=HTMX).text
    assert "Your machine is starting" in answer
    assert "<html" not in answer


def test_a_double_click_makes_one_machine(bob, browser_of):
    browser = browser_of(bob)
    browser.post(reverse("machine_create"))
    browser.post(reverse("machine_create"))
    assert Instance.objects.count() == 1


def test_a_wish_that_cannot_be_met_says_why(bob, browser_of):
    machine(bob, Status.STOPPING)
    page = browser_of(bob).post(reverse("machine_start"), follow=True).text
    assert "Your machine is stopping." in page
    fragment = browser_of(bob).post(reverse("machine_start"), headers=HTMX).text
    assert 'id="messages" hx-swap-oob' in fragment
    assert "You can start it as soon as it has stopped." in fragment


def test_a_click_in_an_old_tab_ends_in_the_true_state(bob, browser_of):
    machine(bob, Status.RUNNING)
    page = browser_of(bob).post(reverse("machine_create"), follow=True).text
    assert "You have a machine already." in page
    assert "Running" in page


def test_a_changed_address_is_told_until_bob_has_noted_it(bob, browser_of):
    row = machine(bob, Status.RUNNING, address_changed=True)
    browser = browser_of(bob)
    for _ in range(2):
        page = browser.get("/").text
        assert "New address: update your computer." in page
        assert browser.get(poll_of(page), headers=HTMX).status_code == 204
    browser.post(reverse("machine_address_told"), {"address": "198.51.100.1"})  # from the run before
    assert "New address: update your computer." in browser.get("/").text
    answer = browser.post(reverse("machine_address_told"), {"address": row.public_ip}, headers=HTMX).text
    assert row.public_ip in answer
    assert "New address: update your computer." not in answer + browser.get("/").text


def test_how_the_last_machine_ended_is_told(alice, bob, browser_of):
    row = machine(bob)
    actions.terminate(bob, by=alice)
    row.refresh_from_db()
    from ondol.instances.moves import move

    move(row, Status.TERMINATED, Reason.DONE)
    assert "An administrator deleted it." in browser_of(bob).get("/").text


def test_bob_never_sees_the_machine_of_alice(alice, bob, browser_of):
    machine(alice, public_ip="203.0.113.77")
    assert "203.0.113.77" not in browser_of(bob).get("/").text
    assert alice.role == Role.ADMIN


def test_the_page_names_the_zone_of_its_times(bob, browser_of, machines_clock):
    machines_clock.freeze()
    machine(bob, minutes_ago=0)
    assert re.search(
        r'<time datetime="[^"]+" title="[^"]+ KST" data-until="\d+">today \d\d:\d\d</time>',
        browser_of(bob).get("/").text,
    )


def test_the_trial_says_whose_clock_it_shows(bob, browser_of, machines_clock):
    machines_clock.set(clock.now(), speed=60)
    assert "60 times as fast" in browser_of(bob).get("/").text
