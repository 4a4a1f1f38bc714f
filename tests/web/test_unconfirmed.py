"""While AWS does not answer, pages say since when what they show is unconfirmed, and how administrators can fix it."""

from datetime import timedelta

import pytest
from django.urls import reverse

from ondol import clock
from ondol.deployment import health
from tests.web.conftest import machine
from tests.web.test_dashboard import HTMX, poll_of

SAID = "this is the state from then."
KINDS = {
    "Unreachable": "credentials are missing, wrong or expired",
    "Throttled": "asks us to slow down",
    "Refused": "a permission or a setting is missing",
    "WrongAccount": "another account or region",
    "NotYet": "answers with an error",
}


@pytest.fixture
def away(db):
    """Save that AWS has not answered for ten minutes, with this error."""

    def since(kind="", code=""):
        health.confirm(clock.now() - timedelta(minutes=10))
        if kind:
            health.note_trouble(kind, code)

    return since


def test_while_all_is_well_nothing_is_said(alice, bob, browser_of):
    machine(bob)
    health.confirm(clock.now())
    assert SAID not in browser_of(bob).get("/").text
    assert SAID not in browser_of(alice).get(reverse("admin_people")).text


@pytest.mark.parametrize("has_machine", [True, False])
def test_bob_reads_that_his_machine_goes_on_and_there_is_nothing_to_do(bob, browser_of, away, has_machine):
    if has_machine:
        machine(bob)
    away("Unreachable", "ExpiredToken")
    page = browser_of(bob).get("/").text
    for words in (
        SAID,
        "machines keep running",
        "auto-stop works in AWS",
        "nothing you need to do",
        "What you have asked for is kept",
    ):
        assert words in page
    assert "ExpiredToken" not in page
    assert "credentials" not in page


@pytest.mark.parametrize(("kind", "cause"), KINDS.items())
def test_alice_reads_what_it_is_and_what_mends_it(alice, bob, browser_of, away, kind, cause):
    away(kind, "SomeCode")
    for path in ("/", reverse("admin_people"), reverse("admin_person", args=[bob.pk])):
        page = browser_of(alice).get(path).text
        assert SAID in page
        assert cause in page
        assert "SomeCode" in page
        assert "nothing you need to do" not in page


def test_alice_reads_that_nobody_has_even_asked(alice, browser_of, away):
    away()
    assert "No worker has checked the machines." in browser_of(alice).get("/").text


def test_it_is_said_in_korean_too(bob, browser_of, away):
    away("Throttled")
    page = browser_of(bob, "ko").get("/").text
    assert "따로 하실 일은 없습니다." in page
    assert "AWS has not" not in page


def test_a_page_that_looks_again_learns_of_it_and_of_its_end(bob, browser_of, away):
    machine(bob)
    browser = browser_of(bob)
    poll = poll_of(browser.get("/").text)
    away("Unreachable")
    page = browser.get(poll, headers=HTMX).text
    assert SAID in page
    assert browser.get(poll_of(page), headers=HTMX).status_code == 204
    health.confirm(clock.now())
    assert SAID not in browser.get(poll_of(page), headers=HTMX).text
