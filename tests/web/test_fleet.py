"""Administration: all machines, and which of them needs attention."""

from datetime import timedelta

import pytest
from django.urls import reverse

from ondol import clock
from ondol.instances.lifecycle import Status
from ondol.instances.models import Instance
from tests.web.conftest import machine, person


def fleet(browser_of, alice):
    return browser_of(alice).get(reverse("admin_fleet"))


def test_what_runs_is_counted_with_what_it_costs_an_hour(alice, bob, browser_of):
    machine(bob)
    machine(alice, Status.STOPPED)
    page = fleet(browser_of, alice).text
    assert "2 machines, 1 running" in page
    assert "$0.031/h in total" in page
    assert "Auto-stop is on for all." in page
    assert "Auto-stop below 10% of one core (CPU 5%) for 30 minutes" in page
    assert page.index("Bob") < page.index("Alice</a>")


def test_one_that_would_not_stop_by_itself_is_told(alice, bob, browser_of):
    machine(bob, armed_at=None)
    page = fleet(browser_of, alice).text
    assert "1 of them would not stop by itself" in page
    assert "not armed yet" in page
    assert "Auto-stop is on for all" not in page


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
    with django_assert_max_num_queries(24):
        page = browser.get(reverse("admin_fleet"))
    assert "1 / 2" in page.text
    assert Instance.objects.count() == 60


def test_only_administrators_see_the_fleet(bob, browser_of):
    assert browser_of(bob).get(reverse("admin_fleet")).status_code == 403
