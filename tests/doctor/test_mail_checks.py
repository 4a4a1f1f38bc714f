"""The check-up tries the mail server without sending, and tells what became of e-mails."""

from datetime import UTC, datetime

import pytest
from django.utils import translation
from procrastinate.contrib.django import app

from ondol.accounts.models import Approval, Role
from ondol.doctor import check_up, mail_checks, messages, tasks
from ondol.doctor.findings import Level, warning
from ondol.outbox import state
from ondol.outbox.causes import OF_LETTER, Cause, DeliveryError
from ondol.outbox.models import UndeliveredEmail
from tests.accounts.conftest import person
from tests.outbox.conftest import authority, mail_settings  # noqa: F401  fixtures
from tests.outbox.mail_host import HANG, MailHost

pytestmark = [pytest.mark.django_db, pytest.mark.enable_socket]


def said(findings):
    """Return each finding's level and what it says."""
    with translation.override("en"):
        return [(finding.level, messages.sentence(finding)) for finding in findings]


def test_a_server_is_tried_to_its_sign_in_and_nothing_is_sent(mail_settings, authority):  # noqa: F811
    with MailHost(starttls=authority.server, password="hunter2") as host:
        mail_settings(host.url(user="ada"), CA_FILE=authority.file)
        [(level, sentence)] = said(check_up.mail_side())
        assert level is Level.OK
        assert "(TLSv1." in sentence
        assert sentence.endswith("accepts ada.")
        assert host.sessions == 1
        assert not host.letters
        host.password = "another"
        [(level, sentence)] = said(check_up.mail_side())
        assert level is Level.WARNING
        assert sentence.endswith("Correct them in ONDOL_EMAIL_URL. 535 5.7.8 bad user or password")
        assert "hunter2" not in sentence


def test_a_server_that_hangs_ends_no_check_up(mail_settings, monkeypatch):  # noqa: F811
    monkeypatch.setattr(mail_checks.smtp, "PROBE", 0.5)
    with MailHost({"connect": HANG}) as host:
        mail_settings(host.url())
        assert [(finding.level, finding.code) for finding in check_up.mail_side()] == [(Level.WARNING, Cause.SILENT)]


def test_files_are_enough_for_a_trial_and_a_warning_with_amazon(mail_settings, monkeypatch, tmp_path):  # noqa: F811
    mail_settings(f"file://{tmp_path}/new/mail")
    assert [finding.level for finding in check_up.mail_side()] == [Level.OK]
    monkeypatch.setenv("ONDOL_CLOUD", "aws")
    mail_settings(f"file://{tmp_path}/new/mail")
    [(level, sentence)] = said(check_up.mail_side())
    assert (level, "nobody gets one" in sentence) == (Level.WARNING, True)
    assert not list(tmp_path.iterdir())


def test_the_last_success_and_what_waits_and_failed_is_told():
    assert said(mail_checks.outbox()) == [(Level.OK, "None has been delivered yet. 0 on their way.")]
    state.note_answer(is_delivered=True)
    [(level, sentence)] = said(mail_checks.outbox())
    assert (level, sentence[:26]) == (Level.OK, "The last was delivered at ")
    app.configure_task("ondol.accounts.send", queue="mail").defer(kind="decision", user_id=1, to=1)
    state.note_failure(DeliveryError(Cause.UNREACHABLE, "Connection refused"))
    now = datetime.now(UTC)
    UndeliveredEmail.objects.create(job=1, task="x", args={}, cause=Cause.RECIPIENT, since=now, given_up_at=now)
    failed, held = said(mail_checks.outbox())
    assert (failed[0], held[0]) == (Level.WARNING, Level.WARNING)
    assert failed[1].startswith("1 could not be delivered")
    assert "1 are waiting" in held[1]


def test_a_server_that_answers_again_is_tried_at_once(mail_settings):  # noqa: F811
    for _ in range(6):
        state.note_failure(DeliveryError(Cause.UNREACHABLE))
    with MailHost() as host:
        mail_settings(host.url())
        tasks.let_e_mails_try(check_up.mail_side())
    assert state.await_turn() is None


def test_requests_that_nobody_decides_are_told():
    person("carol", Approval.PENDING)
    assert [finding.code for finding in check_up.our_side() if finding.check == "requests"] == ["nobody"]
    person("ada", role=Role.ADMIN)
    assert [finding.code for finding in check_up.our_side() if finding.check == "requests"] == ["heard"]


@pytest.mark.parametrize("language", ["ko", "en"])
def test_each_cause_of_a_server_has_a_sentence_with_its_name(language):
    with translation.override(language):
        for cause in set(Cause) - OF_LETTER:
            told = messages.sentence(warning("mail", cause, server="mail:587", answer="535"))
            assert told.startswith("mail:587: ")
            assert told.endswith(" 535")
            assert len(told) > 40
