"""The overview updates itself: a poll shows what is new, costs little, and moves no button that somebody may press."""

import re
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection
from django.template.loader import get_template
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from playwright.sync_api import expect

from ondol import clock
from ondol.accounts.models import Approval, Role, User
from ondol.announcements import acts
from ondol.announcements.models import Announcement
from ondol.costs.models import ExchangeRate
from ondol.instances.models import Instance
from ondol.instances.states import Reason, Status
from tests.web.browser import page_of
from tests.web.conftest import machine, person

ADA = "ada@example.org"
ONCE = "LEFT JOIN costs_monthfigure"
"""A part of the statement that looks for outdated figures."""


@pytest.fixture
def poll(db, alice, browser_of):
    """Ask as an open page does, for what differs from the last answer; return status and text."""
    browser, known = browser_of(alice), {"v": "", "banner": ""}

    def ask():
        answer = browser.get(reverse("admin_overview"), known, headers={"HX-Request": "true"})
        if answer.status_code == 200:
            known["v"] = answer.text.partition("?v=")[2].partition('"')[0]
        return answer.status_code, answer.text

    assert ask()[0] == 200
    return ask


def test_nothing_is_answered_while_all_is_the_same(poll, bob):
    assert poll() == (204, "")
    machine(bob)
    assert poll()[0] == 200
    assert poll() == (204, "")


def test_a_request_is_news_with_its_count_in_the_navigation(poll):
    assert "No requests waiting" not in poll()[1]
    person("carol@example.org", Approval.PENDING, name="Carol")
    text = poll()[1]
    assert "1 request waiting" in text
    assert '<span id="people-waiting" hx-swap-oob="innerHTML"><span class="count">1' in text.replace("\n", "")


def machine_of_bob():
    return Instance.objects.get(owner__email="bob@example.org")


NEWS = {
    "it stops": lambda: Instance.objects.update(status=Status.STOPPED, status_reason=Reason.IDLE),
    "it is not armed": lambda: machine_of_bob().run.__class__.objects.update(armed_at=None),
    "it failed": lambda: Instance.objects.update(status=Status.FAILED, status_reason=Reason.QUOTA),
    "another runs": lambda: machine(person("dan@example.org")),
    "Bob has another name": lambda: User.objects.filter(name="Bob").update(name="Robert"),
    "Bob has another address": lambda: User.objects.filter(name="Bob").update(email="robert@example.org"),
    "it is of another type": lambda: Instance.objects.update(seen_type="t3a.small"),
    "it runs since another time": lambda: Instance.objects.update(status_since=clock.now() - timedelta(days=2)),
    "an hour costs something else": lambda: ExchangeRate.objects.create(krw="2000", as_of=clock.now().date()),
    "Carol has another name": lambda: User.objects.filter(name="Carol").update(name="Karol"),
    "Carol has another address": lambda: User.objects.filter(name="Carol").update(email="karol@example.org"),
    "Carol works elsewhere": lambda: User.objects.filter(name="Carol").update(affiliation="SNU"),
    "Carol has another purpose": lambda: User.objects.filter(name="Carol").update(purpose="Glaciers"),
    "Carol is approved": lambda: User.objects.filter(name="Carol").update(approval=Approval.APPROVED),
}


@pytest.mark.parametrize("news", NEWS)
def test_what_is_shown_otherwise_is_news(poll, bob, carol, news):
    machine(bob)
    assert [poll()[0], poll()[0]] == [200, 204]
    NEWS[news]()
    assert [poll()[0], poll()[0]] == [200, 204]


def test_all_that_a_row_shows_is_tried_above():
    template = Path(get_template("overview/now.html").origin.name).read_text(encoding="utf-8")
    assert {*re.findall(r"\b(?:entry|person)\.[a-z_.]+", template)} - {"person.pk", "entry.instance.owner_id"} == {
        *("person.name", "person.email", "person.affiliation", "person.purpose"),
        *("entry.instance.owner.name", "entry.instance.owner.email", "entry.instance.size.instance_type"),
        *("entry.hourly", "entry.instance.since", "entry.stops_at"),
    }


def test_an_announcement_is_news(poll, alice):
    acts.show(Announcement(text_en="Maintenance", until=clock.now() + timedelta(hours=2)), alice)
    status, text = poll()
    assert status == 200
    assert "Maintenance" in text


def test_tomorrow_is_news(poll, bob, machines_clock):
    machine(bob)
    poll()
    machines_clock.advance(timedelta(days=1))
    assert poll()[0] == 200


def test_a_poll_sums_up_no_month_and_takes_as_many_queries_for_a_machine_as_for_many(poll, bob):
    counts = []
    for number in (1, 12):
        for n in range(number):
            machine(person(f"p{number}-{n}@example.org"))
        with CaptureQueriesContext(connection) as caught:
            assert poll()[0] == 200
        assert not [one["sql"] for one in caught if "costs_monthfigure" in one["sql"]]
        counts.append(len(caught))
    assert counts[0] >= counts[1]
    assert counts[1] <= 30


def test_the_page_asks_once_which_figures_are_old(alice, bob, browser_of):
    machine(bob)
    with CaptureQueriesContext(connection) as caught:
        assert "Saved by auto-stop" in browser_of(alice).get(reverse("admin_overview")).text
    assert len([one for one in caught if ONCE in one["sql"]]) == 1


def test_without_a_script_it_is_loaded_again(alice, browser_of):
    assert '<meta http-equiv="refresh" content="30">' in browser_of(alice).get(reverse("admin_overview")).text


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_an_open_page_follows_and_the_keyboard_and_the_mouse_stay_where_they_are(site, browser):
    person(ADA, role=Role.ADMIN)
    bob = person("bob@example.org", name="Bob")
    machine(bob)
    with page_of(browser, site, ADA) as page:
        page.clock.install()
        page.goto("/admin/", wait_until="networkidle")
        month = page.locator("#month section").element_handle()
        stop = page.locator(f"#stop-{bob.pk}")
        stop.focus()
        carol = person("carol@example.org", Approval.PENDING, name="Carol")
        page.clock.run_for(11_000)
        expect(page.locator(f"#approve-{carol.pk}")).to_be_visible()
        expect(page.locator(".bar .count")).to_contain_text("1")
        expect(stop).to_be_focused()
        assert month.evaluate("section => section.isConnected")

        polls = []
        page.on("request", lambda request: polls.append(request.url) if "/admin/?v=" in request.url else None)
        stop.hover()
        dan = person("dan@example.org", Approval.PENDING, name="Dan")
        page.clock.run_for(11_000)
        page.wait_for_timeout(100)
        assert polls == []
        page.mouse.move(5, 5)
        page.clock.run_for(11_000)
        expect(page.locator(f"#approve-{dan.pk}")).to_be_visible()

        stop.hover()
        erin = person("erin@example.org", Approval.PENDING, name="Erin")
        page.clock.run_for(21_000)
        page.wait_for_timeout(100)
        expect(page.locator(f"#approve-{erin.pk}")).to_have_count(0)
        page.clock.run_for(20_000)
        expect(page.locator(f"#approve-{erin.pk}")).to_be_visible()
        page.wait_for_load_state("networkidle")
