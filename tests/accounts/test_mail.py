"""E-mails: by a job, in the reader's language, and never with a header that somebody else wrote."""

from datetime import timedelta

import pytest
from django.core import mail as outbox
from django.db import connection, transaction
from django.db.models import F
from procrastinate.contrib.django.models import ProcrastinateJob

from ondol.accounts import mail, requests, tasks
from ondol.accounts.models import Approval, Role, User
from tests.accounts.conftest import person

pytestmark = pytest.mark.django_db


def decide(user_id):
    """Enqueue the e-mail about a decision, and do the job."""
    mail.send_later(user_id)
    for job in ProcrastinateJob.objects.filter(task_name=mail.TASK):
        tasks.send(**job.args)


def announce():
    """Let a worker look for new requests, and do the jobs."""
    requests.announce()
    for job in ProcrastinateJob.objects.filter(task_name=requests.TASK):
        tasks.request(**job.args)
        job_id = job.pk
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM procrastinate_jobs WHERE id = %s", [job_id])


def later(**passed):
    """Let so much time pass since requests were announced."""
    User.objects.exclude(announced_at=None).update(announced_at=F("announced_at") - timedelta(**passed))


def sent():
    return sorted((message.to[0], message.subject) for message in outbox.outbox)


def test_a_request_is_told_to_every_administrator_in_their_language(ada, carol):
    person("bea", role=Role.ADMIN, language="ko")
    person("cleo", Approval.SUSPENDED, Role.ADMIN)
    person("dora", role=Role.ADMIN, is_active=False)
    announce()
    assert sent() == [
        ("ada@example.org", "[Ondol] Carol requests an account"),
        ("bea@example.org", "[Ondol] Carol 님의 계정 신청"),
    ]
    text = next(message.body for message in outbox.outbox if message.to == ["ada@example.org"])
    for told in ("carol@example.org", "KIGAM", "InSAR", "/admin/people/"):
        assert told in text


@pytest.mark.parametrize(
    ("approval", "subject"),
    [(Approval.APPROVED, "Your account has been approved"), (Approval.REJECTED, "Your request was rejected"),
     (Approval.SUSPENDED, "Your account is suspended")],
)  # fmt: skip
def test_a_decision_is_told_with_its_reason(approval, subject):
    dan = person("dan", approval, decision_reason="" if approval == Approval.APPROVED else "Because <b>&</b>.")
    decide(dan.pk)
    assert sent() == [("dan@example.org", f"[Ondol] {subject}")]
    assert ("Because <b>&</b>." in outbox.outbox[0].body) is (approval != Approval.APPROVED)


def test_who_waits_again_is_told_nothing(carol):
    decide(carol.pk)
    assert sent() == []


def test_nobody_is_told_about_somebody_who_is_gone(ada):
    decide(10**9)
    tasks.request([10**9], ada.pk)
    assert sent() == []


@pytest.mark.parametrize("name", ["Mallory\nBcc: a@b.org", "Mallory\r\nX: y", "Mallory\rX: y", "Mallory\u2028X: y"])
def test_a_name_does_not_become_a_header(ada, name):
    person("mallory", Approval.PENDING, name=name)
    announce()
    (message,) = outbox.outbox
    assert message.to == ["ada@example.org"]
    assert message.bcc == []
    assert "a@b.org" not in message.subject
    assert set(message.message()) & {"Bcc", "X"} == set()
    assert len(message.subject.splitlines()) == 1


def test_a_letter_is_written_only_if_the_decision_stands(carol):
    with transaction.atomic():
        mail.send_later(carol.pk)
        transaction.set_rollback(True)
    assert not ProcrastinateJob.objects.filter(task_name=mail.TASK).exists()
    mail.send_later(carol.pk)
    assert ProcrastinateJob.objects.get(task_name=mail.TASK).args == {
        "kind": "decision",
        "user_id": carol.pk,
        "to": carol.pk,
    }


def test_twenty_requests_in_a_minute_are_two_e_mails(ada):
    person("user0", Approval.PENDING)
    announce()
    assert [message.subject for message in outbox.outbox] == ["[Ondol] User0 requests an account"]
    for number in range(1, 20):
        person(f"user{number}", Approval.PENDING)
        announce()
    later(minutes=14, seconds=50)
    announce()
    assert len(outbox.outbox) == 1
    later(seconds=11)
    announce()
    announce()
    assert [message.subject for message in outbox.outbox[1:]] == ["[Ondol] 19 people request an account"]
    assert all(f"user{number}@example.org" in outbox.outbox[1].body for number in range(1, 20))
    later(minutes=16)
    person("lee", Approval.PENDING)
    announce()
    assert [message.subject for message in outbox.outbox[2:]] == ["[Ondol] Lee requests an account"]


def test_a_request_that_was_decided_meanwhile_is_not_announced(ada):
    people = [person(f"user{number}", Approval.PENDING) for number in range(3)]
    requests.announce()
    User.objects.filter(pk__in=[people[0].pk, people[2].pk]).update(approval=Approval.APPROVED)
    announce()
    assert [message.subject for message in outbox.outbox] == ["[Ondol] User1 requests an account"]


def test_requests_wait_for_the_first_administrator(carol):
    announce()
    assert sent() == []
    bea = person("bea", role=Role.ADMIN, language="ko")
    announce()
    assert sent() == [("bea@example.org", "[Ondol] Carol 님의 계정 신청")]
    User.objects.filter(pk=bea.pk).update(role=Role.MEMBER)
    tasks.request([carol.pk], bea.pk)
    assert len(sent()) == 1, "nor to somebody who is none any more"


def test_hundreds_of_requests_make_an_e_mail_that_can_be_read(ada):
    for number in range(53):
        person(f"user{number}", Approval.PENDING, purpose="x" * 2000)
    announce()
    [message] = outbox.outbox
    assert message.subject == "[Ondol] 53 people request an account"
    assert "And 3 more." in message.body
    assert len(message.body) < 20_000


def test_a_job_of_the_version_before_still_sends_its_e_mail(ada, carol):
    tasks.send(kind="request", user_id=carol.pk, to=ada.pk)
    assert sent() == [("ada@example.org", "[Ondol] Carol requests an account")]
