"""Administration: all machines, and which of them needs attention."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.urls import reverse
from django.utils.translation import override

from ondol import clock
from ondol.instances.models import Instance
from ondol.instances.states import Status
from ondol.web.templatetags.ondol import expected
from tests.web.conftest import machine, person
from tests.web.screens import loads


def fleet(browser_of, alice):
    return browser_of(alice).get(reverse("admin_fleet"))


def test_what_runs_is_counted_with_what_it_costs_an_hour(alice, bob, browser_of):
    machine(bob)
    machine(alice, Status.STOPPED)
    page = fleet(browser_of, alice).text
    assert "2 machines, 1 running" in page
    assert "$0.031/h in total" in page
    assert "Auto-stop is on for all." in page
    assert 'below 10% of one core,</span> <span class="nowrap">for 30 min' in page
    assert "5%" not in page
    assert page.index("Bob") < page.index("Alice</a>")


@pytest.mark.parametrize(("language", "told"), [("en", "waiting for readings"), ("ko", "측정값을 기다리는 중")])
def test_when_one_stops_that_has_just_started_waits_for_readings(alice, bob, browser_of, language, told):
    machine(bob, armed_at=None)
    page = browser_of(alice, language).get(reverse("admin_fleet")).text
    assert told in page
    assert "not in sight" not in page
    assert "예정 없음" not in page


def test_the_heading_says_which_machines_are_shown(alice, bob, carol, browser_of):
    machine(bob)
    machine(carol, Status.STOPPED)
    browser = browser_of(alice)

    def heading(**query):
        page = browser.get(reverse("admin_fleet"), query).text
        return " ".join(re.search(r'id="fleet-title">(.*?)</h2>', page, re.DOTALL)[1].split())

    assert heading() == "2 machines, 1 running"
    assert heading(q="bob") == "“bob”: 1 machine"
    assert heading(q="nobody@") == "“nobody@”: 0 machines"


def test_a_machine_for_nobody_leaves_a_list_with_links_that_work(alice, bob, browser_of):
    machine(bob)
    page = browser_of(alice).post(reverse("admin_fleet_create"), {"email": "who@example.org"}).text
    assert not re.search(r'(href|action)="\?', page)
    assert f'href="{reverse("admin_fleet")}?sort=' in page


def test_one_that_would_not_stop_by_itself_is_told(alice, bob, browser_of):
    machine(bob, armed_at=None)
    page = fleet(browser_of, alice).text
    assert "1 of them would not stop by itself" in page
    assert "not armed yet" in page
    assert "Auto-stop is on for all" not in page


@pytest.mark.parametrize(
    "run",
    [
        {}, {"armed_at": None}, {"awake": 60}, {"awake": 60, "armed_awake": 60}, {"lease": 60}, {"armed_lease": 60},
        {"lease": 60, "armed_lease": 60, "awake": 30}, {"launched": 2}, {"launched": 4}, {"launched": None},
    ],
)  # fmt: skip
def test_the_filter_for_those_not_armed_finds_what_the_row_says(alice, bob, browser_of, run):
    """It is asked in PostgreSQL; each row asks `Run.is_armed`."""
    now, names = clock.now(), {"awake": "awake_until", "lease": "lease_until", "launched": "launched_at"}
    fields = {"armed_at": now}
    for name, minutes in run.items():
        field = names.get(name) or {"armed_awake": "armed_awake_until", "armed_lease": "armed_lease_until"}.get(
            name, name
        )
        fields[field] = None if minutes is None else now + timedelta(minutes=minutes)
    machine(alice)
    row = machine(bob, **fields)
    page = browser_of(alice).get(reverse("admin_fleet"), {"armed": "no"}).text
    row.refresh_from_db()
    assert ("bob@example.org" in page) == (not row.is_armed)
    assert "alice@example.org</span>" not in page


def test_cpu_is_told_and_sorted_in_the_unit_of_the_rule(alice, bob, browser_of):
    """20 % of eight vCPUs are more than 60 % of two."""
    loads(machine(alice, instance_type="m7i.2xlarge", minutes_ago=60), [20])
    loads(machine(bob, instance_type="t3.small", minutes_ago=60), [60.4])
    page = browser_of(alice).get(reverse("admin_fleet"), {"sort": "-cpu"}).text
    assert page.index(">160%<") < page.index(">120.8%<")
    page = browser_of(alice).get(reverse("admin_fleet"), {"sort": "cpu"}).text
    assert page.index(">120.8%<") < page.index(">160%<")


def test_machines_are_sorted_by_what_they_cost_this_month(alice, bob, carol, browser_of, machines_clock):
    machines_clock.freeze(datetime(2027, 3, 10, 3, tzinfo=UTC))  # not in the first hours of a month
    for owner, minutes in ((bob, 50), (carol, 500), (alice, 5)):
        machine(owner, minutes_ago=minutes)
    for sort, order in (("-cost", ["Carol", "Bob", "Alice"]), ("cost", ["Alice", "Bob", "Carol"])):
        page = browser_of(alice).get(reverse("admin_fleet"), {"sort": sort}).text
        assert sorted(order, key=lambda name: page.index(f"{name}</a>")) == order
        people = browser_of(alice).get(reverse("admin_people"), {"sort": sort}).text.partition('id="table"')[2]
        assert sorted(order, key=lambda name: people.index(f"{name}</a>")) == order


@pytest.mark.parametrize(("minutes", "is_told"), [(1, False), (6, True)])
def test_what_aws_shows_otherwise_for_long_is_told(alice, bob, browser_of, minutes, is_told):
    machine(bob, seen_view="absent", seen_since=clock.now() - timedelta(minutes=minutes))
    assert ("AWS shows “absent”." in fleet(browser_of, alice).text) == is_told


def test_strange_machines_with_its_tags_are_told(alice, bob, browser_of):
    machine(bob, unrecognized_instance_ids=["i-0123456789abcdef0"])
    assert "There are other machines with its tags." in fleet(browser_of, alice).text


def test_many_machines_take_no_more_queries(alice, bob, browser_of, django_assert_max_num_queries):
    browser = browser_of(alice)
    for n in range(60):
        machine(person(f"p{n}@example.org"), key=False)
    browser.get(reverse("admin_costs"))  # which prepares the costs
    with django_assert_max_num_queries(24):
        page = browser.get(reverse("admin_fleet"))
    assert "1 / 2" in page.text
    assert Instance.objects.count() == 60


def test_only_administrators_see_the_fleet(bob, browser_of):
    assert browser_of(bob).get(reverse("admin_fleet")).status_code == 403


def test_a_stop_that_is_due_is_expected_any_moment(machines_clock):
    assert expected(clock.now() + timedelta(seconds=20)) == "any moment"
    assert expected(clock.now() + timedelta(minutes=5)) != "any moment"
    with override("ko"):
        assert expected(clock.now()) == "곧"


def test_a_list_of_one_page_counts_no_pages(alice, bob, browser_of):
    machine(bob)
    assert "1–1 of 1" not in fleet(browser_of, alice).text
