"""Whatever answers 429 says when to come back and why: pages, buttons of pages and the API."""

from contextlib import contextmanager

import pytest
from django.test import Client
from playwright.sync_api import expect
from procrastinate.contrib.django.models import ProcrastinateJob

from ondol import clock
from ondol.accounts import letter_limits, letters, tasks
from ondol.accounts.tokens import create_token
from ondol.api.throttle import PER_PERSON
from ondol.instances.models import Instance
from ondol.instances.states import Reason, Status
from ondol.policy.models import Policy
from tests.web.browser import page_of
from tests.web.conftest import machine, person


@pytest.fixture
def program(bob):
    return Client(headers={"Authorization": f"Bearer {create_token(bob, 'loop')}"})


@contextmanager
def all_used():
    """Use up the requests of this minute."""
    before, PER_PERSON.wishes, PER_PERSON.reads = (PER_PERSON.wishes, PER_PERSON.reads), 0, 0
    yield
    PER_PERSON.wishes, PER_PERSON.reads = before
    PER_PERSON._full.clear()


def until_429(browser, path, typed):
    for _try in range(40):
        answer = browser.post(path, typed)
        if answer.status_code == 429:
            return answer
    raise AssertionError(f"{path} has no limit")


STRANGERS = {
    "/accounts/signup/": {"email": "x"},
    "/accounts/login/": {"login": "zoe@example.org", "password": "x"},
    "/accounts/password/reset/": {"email": "zoe@example.org"},
}
PEOPLE = {
    "/accounts/email/": {"email": "x", "action_add": ""},
    "/accounts/password/change/": {"oldpassword": "x", "password1": "y", "password2": "y"},
}
BUTTONS = ["create", "start", "size", "awake"]


def has_reason(answer):
    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) >= 1
    return "For safety Ondol pauses" in answer.text or answer.json()["error"]["hint"]


@pytest.mark.parametrize("path", STRANGERS)
def test_strangers_are_told(english, db, path):
    assert has_reason(until_429(english, path, STRANGERS[path]))


@pytest.mark.parametrize("path", PEOPLE)
def test_people_are_told(bob, browser_of, path):
    assert has_reason(until_429(browser_of(bob), path, PEOPLE[path]))


def test_buttons_are_told_a_sentence_and_forms_a_page(bob, browser_of):
    browser = browser_of(bob)
    with all_used():
        for name in BUTTONS:
            button = browser.post(f"/machine/{name}/", headers={"HX-Request": "true"})
            assert has_reason(button)
            assert button.headers["Content-Type"].startswith("text/plain")
            assert "<html" in browser.post(f"/machine/{name}/").text


def test_programs_are_told(bob, program):
    with all_used():
        for answer in (program.post("/api/instances/start"), program.post("/api/instances"), read(program)):
            assert has_reason(answer)
            assert "second" in answer.json()["error"]["hint"] or "초" in answer.json()["error"]["hint"]


def read(program):
    return [program.get("/api/instances/status") for _look in range(PER_PERSON.batch)][-1]


def test_who_has_started_often_today_is_told_on_the_page_and_by_the_api(bob, browser_of, program):
    row = machine(bob, Status.STOPPED)
    Policy.objects.create(owner=bob, starts_a_day=1)
    browser = browser_of(bob)
    browser.post("/machine/start/")
    for new, reason in (("STOPPED", Reason.INSIDE),):
        row.changes.create(old="STARTING", new=new, reason=reason, at=clock.now())
    Instance.objects.update(status=Status.STOPPED)
    assert "In 24 hours a machine may be started 1 time" in browser.post("/machine/start/", follow=True).text
    answer = program.post("/api/instances/start")
    assert has_reason(answer)
    assert answer.json()["error"]["code"] == "too_many_starts"


def letters_waiting():
    return ProcrastinateJob.objects.filter(task_name=letters.TASK).count()


def forgot(email, address):
    return Client().post("/accounts/password/reset/", {"email": email}, REMOTE_ADDR=address)


def test_letters_to_one_address_and_from_one_sender_have_limits_and_the_answer_stays(db, monkeypatch):
    monkeypatch.setattr(letter_limits, "LIMITS", {"sender": "4/1h/ip", "address": "2/1h/key", "all": "6/1h/key"})
    person("alice@example.org", role="ADMIN")
    usual = forgot("zoe@example.org", "192.0.2.1")
    for number in range(2, 5):
        answer = forgot("zoe@example.org", f"192.0.2.{number}")
        assert (answer.status_code, answer.headers["Location"]) == (usual.status_code, usual.headers["Location"])
    assert letters_waiting() == 2, "to one address"
    for number in range(6):
        assert forgot(f"some{number}@example.org", "198.51.100.1").status_code == usual.status_code
    assert letters_waiting() == 6, "from one sender"
    assert not told()
    for number in range(3):
        assert forgot(f"more{number}@example.org", f"203.0.113.{number}").status_code == usual.status_code
    assert letters_waiting() == 6, "in all"
    [job] = told()  # administrators hear once
    assert job.args["request_id"], "and find what has caused it"


def told():
    return list(ProcrastinateJob.objects.filter(task_name=letter_limits.TASK))


def test_administrators_read_what_to_do(alice, mailoutbox):
    alice.language = "en"
    alice.save()
    tasks.letters_left_out(to=alice.pk)
    assert "Too many e-mails were asked for" in mailoutbox[0].subject
    assert "more than 500" in mailoutbox[0].body


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_button_that_was_clicked_too_often_says_so_and_not_that_ondol_is_away(site, browser):
    person("bob@example.org")
    with page_of(browser, site, "bob@example.org") as page:
        page.goto("/")
        with all_used():
            page.get_by_role("button", name="Create my machine").click()
            expect(page.get_by_role("alert")).to_contain_text("For safety Ondol pauses")
        page.get_by_role("button", name="Create my machine").click()
        expect(page.locator(".badge", has_text="Creating")).to_be_visible()
        expect(page.locator("#offline")).to_be_hidden()
