"""Administrators see on every page that e-mails fail, since no e-mail could tell, and send them again."""

from datetime import UTC, datetime

import pytest
from procrastinate.contrib.django.models import ProcrastinateJob

from ondol.accounts import mail
from ondol.outbox import state
from ondol.outbox.causes import Cause, DeliveryError
from ondol.outbox.models import UndeliveredEmail
from ondol.outbox.smtp import SESSION

pytestmark = pytest.mark.django_db
PAGE = "/admin/doctor/"


@pytest.fixture
def refused(bob):
    """Add an e-mail to Bob that was given up."""
    now = datetime.now(UTC)
    return UndeliveredEmail.objects.create(
        job=1, task=mail.TASK, args={"kind": "decision", "user_id": bob.pk, "to": bob.pk}, to=bob.email,
        subject="[Ondol] Approved <b>", cause=Cause.RECIPIENT, answer="550 no such <user>", since=now, given_up_at=now,
    )  # fmt: skip


@pytest.mark.parametrize("path", ["/", "/admin/people/", "/settings/", "/help/", PAGE])
@pytest.mark.parametrize(
    ("language", "cause"),
    [("ko", "사용자나 비밀번호를 받아들이지 않습니다"), ("en", "does not accept user or password")],
)
def test_alice_reads_the_cause_on_every_page_and_bob_does_not(alice, bob, browser_of, path, language, cause):
    assert cause not in browser_of(alice, language).get(path).text
    state.note_failure(DeliveryError(Cause.SIGN_IN, "535 <bad>"))
    now = datetime.now(UTC)
    waits = UndeliveredEmail.objects.create(job=2, task=mail.TASK, args={}, cause=Cause.SIGN_IN, since=now)
    page = browser_of(alice, language).get(path).text
    assert cause in page
    assert "535 &lt;bad&gt;" in page
    assert cause not in browser_of(bob, language).get("/").text
    state.note_answer(is_delivered=True)
    waits.delete()
    assert cause not in browser_of(alice, language).get(path).text


def test_alice_sends_again_what_was_given_up_once(alice, browser_of, refused):
    browser = browser_of(alice, "en")
    page = browser.get(PAGE).text
    for told in ("bob@example.org", "Approved &lt;b&gt;", "550 no such &lt;user&gt;", "refuses the recipient"):
        assert told in page
    again = f"/admin/doctor/emails/{refused.pk}/again/"
    for _ in range(2):
        assert browser.post(again).headers["Location"] == PAGE
    [args] = [job.args for job in ProcrastinateJob.objects.filter(task_name=mail.TASK)]
    assert args == refused.args | {"request_id": args["request_id"]}, "it goes on under the id of the first click"
    assert "bob@example.org" not in browser.get(PAGE).text


def test_alice_drops_one_and_only_what_was_given_up(alice, browser_of, refused):
    browser = browser_of(alice, "en")
    UndeliveredEmail.objects.update(given_up_at=None)
    for act in ("drop", "again"):
        browser.post(f"/admin/doctor/emails/{refused.pk}/{act}/")
    assert UndeliveredEmail.objects.exists(), "it is being sent"
    UndeliveredEmail.objects.update(given_up_at=refused.given_up_at)
    browser.post(f"/admin/doctor/emails/{refused.pk}/drop/")
    assert not UndeliveredEmail.objects.exists()
    assert not ProcrastinateJob.objects.filter(task_name=mail.TASK).exists()


def test_bob_does_neither(bob, browser_of, refused):
    for act in ("again", "drop"):
        assert browser_of(bob).post(f"/admin/doctor/emails/{refused.pk}/{act}/").status_code == 403
    assert UndeliveredEmail.objects.exists()


def test_a_session_ends_before_the_next_e_mail_may_try():
    """Otherwise a second one would wait for the same server."""
    assert state._TRY.total_seconds() > SESSION
