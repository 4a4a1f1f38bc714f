"""The machine's page: one primary act in each state, titles, amounts, announcements, and AWS that is silent."""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.urls import reverse

from ondol import clock
from ondol.autostop.models import CpuReading
from ondol.costs.models import Budget, ExchangeRate
from ondol.deployment import health
from ondol.instances.states import Status
from ondol.web.badge import STYLES
from tests.web.conftest import machine
from tests.web.test_dashboard import HTMX, LIVING, poll_of

MIDMONTH = datetime(2026, 6, 19, 12, tzinfo=UTC)
PRIMARY = {Status.STOPPED: "Start", Status.FAILED: "Try again"}
"""The primary button of each state. While it runs, that is the copy button of the command; see `test_first_screen`."""
TITLES = {
    Status.PENDING: "◐ Creating",
    Status.STARTING: "◐ Starting",
    Status.RUNNING: "● Running",
    Status.STOPPING: "◐ Stopping",
    Status.STOPPED: "○ Stopped",
    Status.TERMINATING: "◐ Deleting",
    Status.FAILED: "▲ Failed",
}


def primary_on(page):
    return [" ".join(words.split()) for words in re.findall(r'(?s)class="[^"]*\bprimary\b[^"]*"[^>]*>(.*?)<', page)]


def title_of(page):
    return " ".join(re.search(r"(?s)<title>(.*?)</title>", page)[1].split())


@pytest.mark.parametrize("status", LIVING)
def test_each_state_has_one_primary_button_at_most_and_says_what_it_is_once(bob, browser_of, status):
    machine(bob, status)
    page = browser_of(bob).get("/").text
    assert primary_on(page) == ([PRIMARY[status]] if status in PRIMARY else [])
    assert page.count('class="badge ') == 1
    assert re.search(r'<h1 id="machine-title"[^>]*>My machine</h1>', page)
    assert page.count("<h1") == 1


def test_without_a_machine_the_primary_button_creates_one(bob, browser_of):
    assert primary_on(browser_of(bob).get("/").text) == ["Create my machine"]


@pytest.mark.parametrize("status", LIVING)
def test_the_tab_tells_the_state_in_its_title_and_icon_and_polls_bring_both(bob, browser_of, status):
    machine(bob, status)
    browser = browser_of(bob)
    page = browser.get("/").text
    assert title_of(page) == f"{TITLES[status]} · My machine · Ondol"
    assert f"/static/ondol/icon-{STYLES[status].tone}." in page
    answer = browser.get("/machine/?v=old&s=NONE", headers=HTMX).text
    assert title_of(answer) == title_of(page)
    assert re.search(r'<link id="icon"[^>]* hx-swap-oob="true">', answer)


def test_the_chips_of_keep_awake_are_there_only_while_it_runs(bob, browser_of):
    row, browser = machine(bob, Status.PENDING), browser_of(bob)
    assert reverse("machine_awake") not in browser.get("/").text
    type(row).objects.update(status=Status.RUNNING)
    assert reverse("machine_awake") in browser.get("/").text


def test_keeping_it_awake_is_announced_and_auto_stop_is_still_said_to_be_set(bob, browser_of):
    """Until the worker has put the alarm for the wish, the last one counts."""
    row, browser = machine(bob, minutes_ago=100), browser_of(bob)
    CpuReading.objects.create(instance=row, at=clock.now() - timedelta(minutes=10), percent=3)
    answer = browser.post(reverse("machine_awake") + "?s=RUNNING", {"until": "1h"}, headers=HTMX).text
    told = " ".join(re.search(r'(?s)<p id="announcement"[^>]*>(.*?)</p>', answer)[1].split())
    assert re.fullmatch(r"Kept awake until (tomorrow )?\d\d:\d\d", told)
    assert "It is kept awake at least until" in answer
    assert "being set" not in answer
    assert "Auto-stop is set in AWS" in answer
    assert "chart-awake" in answer
    ended = browser.post(reverse("machine_keep_awake_end") + "?s=RUNNING", headers=HTMX).text
    assert "It is no longer kept awake." in ended
    assert "chart-awake" not in ended


def test_readers_of_korean_see_won_first_where_a_rate_is_set(alice, bob, browser_of):
    page = browser_of(bob, "ko").get("/").text
    assert "$0.031" in page
    assert "₩" not in page
    ExchangeRate.objects.create(krw=Decimal("1387.50"), as_of=clock.now().date(), set_by=alice)
    assert '₩43 <span class="won">($0.031)</span>' in browser_of(bob, "ko").get("/").text
    assert '$0.031 <span class="won">(₩43)</span>' in browser_of(bob, "en").get("/").text


def test_less_than_a_cent_is_not_shown_as_nothing(bob, browser_of, machines_clock):
    machines_clock.set(MIDMONTH)
    machine(bob, minutes_ago=0.5)
    assert "&lt;$0.01" in browser_of(bob).get("/").text


@pytest.mark.parametrize(
    ("stops", "follows"), [(True, "no machine runs until next month"), (False, "the machine is not stopped")]
)
def test_an_overdrawn_budget_is_in_the_colour_of_trouble_and_says_what_follows(
    bob, browser_of, machines_clock, stops, follows
):
    machines_clock.set(MIDMONTH)
    machine(bob, minutes_ago=600)
    Budget.objects.create(usd=Decimal("0.01"), stops=stops)
    page = browser_of(bob).get("/").text
    assert "budget-over" in page
    assert 'aria-valuenow="100"' in page
    assert follows in page
    assert "<meter" not in page


@pytest.fixture
def observing(bob):
    """Let an observation have begun so many seconds ago, without an end yet."""
    health.confirm(clock.now())

    def since(seconds):
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO procrastinate_jobs (queue_name, task_name, lock, queueing_lock, status)"
                " VALUES ('periodic', 'ondol.instances.look', 'look', 'look', 'doing') RETURNING id"
            )
            (job,) = cursor.fetchone()
            cursor.execute(
                "INSERT INTO procrastinate_events (job_id, type, at)"
                " VALUES (%s, 'started', now() - make_interval(secs => %s))",
                [job, seconds],
            )

    return since


@pytest.mark.parametrize(("seconds", "is_named"), [(15, False), (25, True)])
def test_aws_that_hangs_is_named_long_before_the_call_fails(bob, browser_of, observing, seconds, is_named):
    machine(bob, Status.STARTING)
    browser = browser_of(bob)
    poll = poll_of(browser.get("/").text)
    observing(seconds)
    answer = browser.get(poll, headers=HTMX)
    assert (answer.status_code == 200 and "AWS has not answered since" in answer.text) == is_named
    if is_named:
        assert "What you have asked for is kept, and continues" in answer.text
        assert "AWS does not answer, or the worker’s credentials" not in answer.text


def test_an_administrator_reads_that_aws_was_asked_and_not_that_no_worker_asks(alice, browser_of, observing):
    observing(25)
    for path in ("/", reverse("admin_fleet")):
        page = browser_of(alice).get(path).text
        assert "AWS does not answer, or the worker’s credentials" in page
        assert "No worker has checked" not in page


def test_news_are_marked_for_the_browser_that_may_notify(bob, browser_of):
    machine(bob)
    page = browser_of(bob).get("/").text
    assert 'data-news="ready"' in page
    assert re.search(r"<button[^>]* data-notify=[^>]* hidden>", page)  # asked for by a click, and only with JavaScript
