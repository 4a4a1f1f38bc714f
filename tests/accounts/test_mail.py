"""E-mails: by a job, in the reader's language, and never with a header that somebody else wrote."""

import pytest
from django.core import mail as outbox
from django.db import transaction
from procrastinate.contrib.django.models import ProcrastinateJob

from ondol.accounts import mail
from ondol.accounts.models import Approval, Role
from ondol.accounts.tasks import send
from tests.accounts.conftest import person

pytestmark = pytest.mark.django_db


def write(kind, user_id):
    """Enqueue the e-mails, and do the jobs."""
    mail.send_later(kind, user_id)
    for job in ProcrastinateJob.objects.filter(task_name=mail.TASK):
        send(**job.args)


def sent():
    return sorted((message.to[0], message.subject) for message in outbox.outbox)


def test_a_request_is_told_to_every_administrator_in_their_language(ada, carol):
    person("bea", role=Role.ADMIN, language="ko")
    person("cleo", Approval.SUSPENDED, Role.ADMIN)
    person("dora", role=Role.ADMIN, is_active=False)
    write("request", carol.pk)
    assert sent() == [
        ("ada@example.org", "[Ondol] Carol asks for an account"),
        ("bea@example.org", "[Ondol] Carol 님의 계정 신청"),
    ]
    text = outbox.outbox[0].body
    for told in ("carol@example.org", "KIGAM", "InSAR", "/admin/people/"):
        assert told in text


@pytest.mark.parametrize(
    ("approval", "subject"),
    [(Approval.APPROVED, "Your account has been approved"), (Approval.REJECTED, "Your request was rejected"),
     (Approval.SUSPENDED, "Your account is suspended")],
)  # fmt: skip
def test_a_decision_is_told_with_its_reason(approval, subject):
    dan = person("dan", approval, decision_reason="" if approval == Approval.APPROVED else "Because <b>&</b>.")
    write("decision", dan.pk)
    assert sent() == [("dan@example.org", f"[Ondol] {subject}")]
    assert ("Because <b>&</b>." in outbox.outbox[0].body) is (approval != Approval.APPROVED)


def test_who_waits_again_is_told_nothing(carol):
    write("decision", carol.pk)
    assert sent() == []


def test_nobody_is_told_about_somebody_who_is_gone():
    write("request", 10**9)
    write("decision", 10**9)
    assert sent() == []


@pytest.mark.parametrize("name", ["Mallory\nBcc: a@b.org", "Mallory\r\nX: y", "Mallory\rX: y", "Mallory\u2028X: y"])
def test_a_name_does_not_become_a_header(ada, name):
    mallory = person("mallory", Approval.PENDING, name=name)
    write("request", mallory.pk)
    (message,) = outbox.outbox
    assert message.to == ["ada@example.org"]
    assert message.bcc == []
    assert "a@b.org" not in message.subject
    assert set(message.message()) & {"Bcc", "X"} == set()
    assert len(message.subject.splitlines()) == 1


def test_a_letter_is_written_only_if_the_decision_stands(carol):
    with transaction.atomic():
        mail.send_later("decision", carol.pk)
        transaction.set_rollback(True)
    assert not ProcrastinateJob.objects.filter(task_name=mail.TASK).exists()
    mail.send_later("decision", carol.pk)
    assert ProcrastinateJob.objects.get(task_name=mail.TASK).args == {
        "kind": "decision",
        "user_id": carol.pk,
        "to": carol.pk,
    }
