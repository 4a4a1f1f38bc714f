"""The link in an e-mail: opening it changes nothing, the button works once, and no sign-in is needed."""

import re
from datetime import timedelta

import pytest
from django.core.signing import Signer
from django.db import transaction
from django.test import Client
from procrastinate.contrib.django.models import ProcrastinateJob

from ondol import clock
from ondol.accounts.models import Approval, User
from ondol.autostop import warnings
from ondol.autostop.models import StopWarning
from ondol.instances.models import Instance, Run
from ondol.instances.states import Reason, Status
from tests.queued import own_arguments
from tests.web.conftest import machine, person


@pytest.fixture
def row(bob):
    """Return Bob's machine, which stops in 8 minutes or a little later."""
    return machine(bob, minutes_ago=32)


@pytest.fixture
def link(row):
    return link_of(row)


def link_of(row, minutes=8):
    warning = StopWarning.objects.create(
        instance=row, launched_at=row.run.launched_at, stops_at=clock.now() + timedelta(minutes=minutes)
    )
    return f"/awake/{warnings.token_of(warning)}/"


def wished():
    return Instance.objects.get().run.awake_until


def test_it_says_when_it_stops_and_offers_one_button(english, link):
    page = english.get(link)
    assert page.status_code == 200
    times = r"\(\d\d:\d\d–\u2060?\d\d:\d\d\sKST\)"
    assert re.search(r"If it stays idle, it stops in about [78]–1[23] minutes " + times, page.text)
    assert page.text.count(">Keep it awake for 1 hour<") == 1


def test_looking_twice_or_as_a_scanner_does_uses_nothing_up(english, link):
    for _ in range(2):
        assert english.get(link).status_code == 200
        assert english.head(link, headers={"Purpose": "prefetch"}).status_code == 200
    assert (wished(), StopWarning.objects.get().used_at, ProcrastinateJob.objects.count()) == (None, None, 0)


def test_the_button_keeps_it_awake_for_an_hour_and_says_until_when(english, link):
    page = english.post(link)
    assert page.status_code == 200
    assert "The machine stays awake" in page.text
    assert re.search(r"Kept awake until <time [^>]+>(tomorrow )?\d\d:\d\d KST", page.text)
    assert abs(wished() - clock.now() - timedelta(hours=1)) < timedelta(seconds=20)
    assert own_arguments(ProcrastinateJob.objects.get()) == {"row": str(Instance.objects.get().pk)}


def test_afterwards_it_says_that_it_was_used_and_until_when(english, link):
    english.post(link)
    until = wished()
    for answer in (english.get(link), english.post(link)):
        assert answer.status_code == 410
        assert "This link has been used" in answer.text
        assert "Kept awake until" in answer.text
        assert 'href="/"' in answer.text
    assert wished() == until


def test_a_post_without_the_pages_token_is_refused(link):
    assert Client(enforce_csrf_checks=True).post(link).status_code == 403
    assert (wished(), StopWarning.objects.get().used_at) == (None, None)


def test_with_the_pages_token_it_works_without_signing_in(link):
    stranger = Client(enforce_csrf_checks=True)
    token = re.search(r'<section.*name="csrfmiddlewaretoken" value="([^"]+)"', stranger.get(link).text, re.S)[1]
    assert stranger.post(link, {"csrfmiddlewaretoken": token}).status_code == 200
    assert wished()


def test_somebody_else_who_has_signed_in_keeps_bobs_awake_not_her_own(alice, row, link, browser_of):
    hers = machine(alice)
    assert "This is about the machine of Bob." in browser_of(alice).get(link).text
    assert browser_of(alice).post(link).status_code == 200
    hers.refresh_from_db()
    row.refresh_from_db()
    assert (hers.run.awake_until, bool(row.run.awake_until)) == (None, True)


def test_to_bob_it_is_his_own_and_the_page_warns_him_once(bob, link, browser_of):
    page = browser_of(bob).get(link).text
    assert "This is about" not in page
    assert page.count("Keep it awake for 1 hour") == 1


def test_a_forged_one_is_not_known_and_tells_nothing(english, link):
    answer = english.get(link[:-2] + "A/" if link[-2] != "A" else link[:-2] + "B/")
    assert answer.status_code == 404
    assert "This link is not known" in answer.text
    assert "Bob" not in answer.text
    assert english.post("/awake/1.x/").status_code == 404


def test_long_after_the_stop_it_has_expired(english, row):
    link = link_of(row, minutes=-61)
    for answer in (english.get(link), english.post(link)):
        assert answer.status_code == 410
        assert "This link has expired" in answer.text
    assert wished() is None


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        (
            lambda: Instance.objects.update(status=Status.STOPPED, status_reason=Reason.IDLE),
            "Your machine is not running",
        ),
        (lambda: Run.objects.update(launched_at=clock.now()), "This link is out of date"),
    ],
)
def test_once_the_machine_has_stopped_or_was_started_again_it_does_nothing(english, link, changed, told):
    changed()
    for answer in (english.get(link), english.post(link)):
        assert answer.status_code == 409
        assert told in answer.text
    assert (wished(), StopWarning.objects.get().used_at) == (None, None)


def test_for_somebody_suspended_it_does_nothing(english, link):
    User.objects.update(approval=Approval.SUSPENDED)
    for answer in (english.get(link), english.post(link)):
        assert answer.status_code == 403
        assert "Your account is suspended" in answer.text
    assert wished() is None


def test_to_nobody_known_it_speaks_as_its_owner_unless_this_browser_has_chosen(english, bob, link):
    User.objects.filter(pk=bob.pk).update(language="en")
    assert "Keep the machine awake" in Client().get(link).text
    User.objects.filter(pk=bob.pk).update(language="ko")
    assert '<html lang="ko">' in Client().get(link).text
    assert '<html lang="en">' in english.get(link).text


def test_the_address_is_not_kept_nor_told_to_other_sites(link):
    answer = Client().get(link)
    assert answer.headers["Referrer-Policy"] == "same-origin"
    assert "no-store" in answer.headers["Cache-Control"]


def test_a_letter_names_no_person(link, bob):
    token = link.split("/")[2]
    assert token.split(".")[0] == str(StopWarning.objects.get().pk)
    assert bob.email not in token


def test_it_is_for_one_machine(english, link):
    carols = machine(person("carol@example.org"))
    english.post(link)
    carols.refresh_from_db()
    assert carols.run.awake_until is None


def test_it_is_good_for_the_person_the_run_and_the_stop_that_the_letter_was_about_and_nothing_else(bob, link, english):
    carol = person("carol@example.org")
    warning, row = StopWarning.objects.get(), Instance.objects.get()
    number, _, signature = link.split("/")[2].partition(".")
    longer = StopWarning.objects.create(
        instance=row, launched_at=clock.now(), stops_at=clock.now() + timedelta(hours=9)
    )
    now = clock.now()
    tries = [
        ("another owner", lambda: Instance.objects.update(owner=carol), 404, link),
        ("another run", lambda: Run.objects.update(launched_at=now), 409, link),
        ("another run in both rows", lambda: [rows.update(launched_at=now) for rows in _of_a_run()], 404, link),
        ("stopped", lambda: Instance.objects.update(status=Status.STOPPED, status_reason=Reason.IDLE), 409, link),
        ("terminated", lambda: Instance.objects.update(status=Status.TERMINATED), 409, link),
        ("suspended", lambda: User.objects.update(approval=Approval.SUSPENDED), 403, link),
        ("expired", lambda: StopWarning.objects.update(stops_at=now - timedelta(hours=2)), 410, link),
        ("used", lambda: StopWarning.objects.update(used_at=now), 410, link),
        ("the number of another", int, 404, f"/awake/{longer.pk}.{signature}/"),
        ("a changed signature", int, 404, f"/awake/{number}.{signature[::-1]}/"),
        ("no signature", int, 404, f"/awake/{number}/"),
        ("a large number", int, 404, f"/awake/{'9' * 40}.{signature}/"),
        ("another salt", int, 404, f"/awake/{number}.{Signer(salt='other').signature(number)}/"),
        ("the number alone", int, 404, f"/awake/{Signer(salt='ondol.autostop.awake', sep='.').sign(number)}/"),
    ]
    for name, change, expected, where in tries:
        with transaction.atomic():
            change()
            before = wished()
            got = [english.get(where).status_code, english.post(where).status_code]
            assert (name, got, wished()) == (name, [expected] * 2, before)
            transaction.set_rollback(True)
    assert warnings.token_of(warning) == link.split("/")[2]
    assert english.post(link).status_code == 200


def _of_a_run():
    return StopWarning.objects.all(), Run.objects.all()
