"""E-mails wait for a server that is away; none is lost or given up in silence. Server and worker are real."""

import logging
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from django.db import connection, connections
from django.db.models import Q
from procrastinate import JobContext, middleware
from procrastinate.contrib.django import app as django_app
from procrastinate.contrib.django.models import ProcrastinateJob
from procrastinate.jobs import Job

from ondol.accounts import letters, mail
from ondol.accounts.models import Approval
from ondol.jobs import follow
from ondol.metrics import JOBS
from ondol.outbox import backend, jobs, state, summary
from ondol.outbox.causes import Cause, DeliveryError
from ondol.outbox.models import UndeliveredEmail
from tests.accounts.conftest import person
from tests.committed import committed  # noqa: F401  a fixture
from tests.outbox.mail_host import CLOSE, HANG, MailHost

pytestmark = [pytest.mark.enable_socket, pytest.mark.django_db]
AWAY = {"connect": "421 away"}


def work():
    """Do what is due as Procrastinate's worker does it, in this thread."""
    due = Q(scheduled_at=None) | Q(scheduled_at__lte=datetime.now(UTC))
    for row in ProcrastinateJob.objects.filter(due, queue_name="mail", status="todo").order_by("id"):
        task = django_app.tasks[row.task_name]
        job = Job(id=row.pk, queue="mail", lock=None, queueing_lock=None, task_name=row.task_name,
                  task_kwargs=row.args, attempts=row.attempts)  # fmt: skip
        context = JobContext(job=job, app=django_app, start_timestamp=0.0, abort_reason=lambda: None)
        with connection.cursor() as cursor:
            try:
                middleware.compose(task.task_middleware, partial(task, **row.args), context, None)()
            except Exception as error:
                at = task.retry_strategy.get_retry_decision(exception=error, job=job).retry_at
                query = "UPDATE procrastinate_jobs SET attempts = attempts + 1, scheduled_at = %s WHERE id = %s"
                cursor.execute(query, [at, row.pk])
            else:
                cursor.execute("DELETE FROM procrastinate_jobs WHERE id = %s", [row.pk])


def work_for_real():
    """Let a worker of Procrastinate's do what is due, with its threads and connections."""

    def closing(call_next, context, worker):
        try:
            return call_next()
        finally:
            connections.close_all()

    with connection.cursor() as cursor:  # hand on what the worker before has taken and not done, as `ondol.worker` does
        cursor.execute("UPDATE procrastinate_jobs SET status = 'todo' WHERE status = 'doing'")
    ours = django_app.connector
    connector = ours.get_worker_connector()
    connector.get_sync_connector = lambda: ours
    with django_app.replace_connector(connector) as app:
        app.run_worker(
            wait=False, queues=["mail"], concurrency=12, delete_jobs="successful", install_signal_handlers=False,
            listen_notify=False, task_middleware=[closing], worker_middleware=[follow],
        )  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def _tasks():
    django_app.perform_import_paths()


def wait(*, worker=work, **passed):
    """Let so much time pass for e-mails, and do what is due then."""
    by = timedelta(**passed)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE procrastinate_jobs SET scheduled_at = scheduled_at - %s", [by])
        cursor.execute("UPDATE accounts_undeliveredemail SET since = since - %s", [by])
        cursor.execute("UPDATE accounts_mailserverstate SET next_try_at = next_try_at - %s", [by])
    worker()


def waiting():
    return ProcrastinateJob.objects.filter(queue_name="mail", status="todo").count()


def people(count=1):
    """Return people who were approved, and are to be told so."""
    found = [person(f"user{number}") for number in range(count)]
    for one in found:
        mail.send_later(one.pk)
    return found


def told(caplog, level):
    return [(record.message, getattr(record, "cause", "")) for record in caplog.records if record.levelno == level]


def test_the_first_failure_is_told_and_what_waits_goes_out_when_the_server_is_back(mail_settings, caplog):
    people(12)
    with MailHost(AWAY) as host:
        mail_settings(host.url())
        work()
        assert host.sessions == 1, "one finds out for all"
        assert told(caplog, logging.WARNING) == [("no e-mail can be delivered", Cause.TURNED_AWAY)]
        seen = summary.summary()
        assert seen.failing_since
        assert "421 away" in seen.answer
        assert (seen.waiting, seen.given_up) == (12, 0)
        wait(seconds=12)
        assert host.sessions == 2, "and one whether it is back"
        wait(days=4)
        assert (waiting(), summary.summary().given_up) == (12, 0)
        host.says = {}
        wait(minutes=6)
        assert len(set(host.letters)) == len(host.letters) == 12
    seen = summary.summary()
    assert (seen.failing_since, seen.waiting, seen.cause) == (None, 0, "")
    assert seen.delivered_at
    assert not UndeliveredEmail.objects.exists()
    assert not summary.is_alarming()


def test_a_slow_server_gets_four_sessions_of_a_worker_and_machines_the_other_threads(committed, mail_settings):  # noqa: F811
    people(8)
    counts = {outcome: JOBS.labels(mail.TASK, outcome)._value for outcome in ("ok", "put_off", "failed")}
    before = {outcome: count.get() for outcome, count in counts.items()}
    with MailHost({"connect": f"{HANG}0.5"}) as host:
        mail_settings(host.url())
        work_for_real()
        assert host.most_sessions == backend.SESSIONS
        assert counts["put_off"].get() >= before["put_off"] + 4
        host.says = {"connect": CLOSE}
        wait(minutes=1, worker=work_for_real)
        host.says = {}
        for _ in range(4):
            wait(minutes=6, worker=work_for_real)
        assert len({letter.partition("To: ")[2].split()[0] for letter in host.letters}) == 8
    assert not UndeliveredEmail.objects.exists()
    assert counts["ok"].get() == before["ok"] + 8
    assert counts["failed"].get() == before["failed"], "to wait is not to fail: OndolJobsFail would fire"


def test_pauses_grow_to_five_minutes_and_a_probe_ends_them(mail_settings):
    people()
    with MailHost(AWAY) as host:
        mail_settings(host.url())
        pauses = []
        for _ in range(7):
            work()
            known = state.state()
            pauses.append(round((known.next_try_at - datetime.now(UTC)).total_seconds()))
            wait(seconds=pauses[-1] + 2)
        assert pauses == sorted(pauses)
        assert pauses[-1] <= 300 < pauses[-1] + 20
        state.try_now()
        assert state.await_turn() is None
        assert state.await_turn().was_tried is False, "one at a time"


def test_an_e_mail_goes_out_if_the_server_answers_another_one_while_it_asks_whether_to_wait(monkeypatch):
    state.note_failure(DeliveryError(Cause.TURNED_AWAY, "421 away"))
    read = state.state

    def answers_after_the_first_read():
        known = read()
        if known.failing_since:
            state.note_answer(is_delivered=True)
        return known

    monkeypatch.setattr(state, "state", answers_after_the_first_read)
    assert state.await_turn() is None


def test_an_e_mail_that_was_never_tried_is_tried_in_a_minute():
    now = datetime.now(UTC)
    row = UndeliveredEmail(since=now)
    assert jobs._next_try(row, DeliveryError(Cause.RECIPIENT), now) == now + timedelta(minutes=1)


def test_after_five_days_an_e_mail_is_given_up_and_an_administrator_sends_it_again(mail_settings, caplog):
    people()
    with MailHost(AWAY) as host:
        mail_settings(host.url())
        work()
        wait(days=5, minutes=1)
        assert [(seen.to, seen.is_given_up) for seen in summary.undelivered()] == [("user0@example.org", True)]
        assert len(told(caplog, logging.ERROR)) == 1
        assert waiting() == 0
        host.says = {}
        pk = UndeliveredEmail.objects.get().pk
        assert [jobs.send_again(pk), jobs.send_again(pk)] == [True, False]
        wait(minutes=6)
        assert len(host.letters) == 1
    assert not summary.is_alarming()


@pytest.mark.parametrize("says", [{"RCPT": "550 5.1.1 no such user"}, {".": "554 spam"}])
def test_a_final_no_is_not_asked_for_again_and_holds_nobody_else(mail_settings, caplog, says):
    people()
    with MailHost(says) as host:
        mail_settings(host.url())
        work()
        wait(days=1)
        assert (host.sessions, waiting()) == (1, 0)
        [seen] = summary.undelivered()
        assert seen.is_given_up
        assert next(iter(says.values())) == seen.answer
        assert [message for message, _ in told(caplog, logging.ERROR)] == ["an e-mail is given up"]
        assert all(record.exc_info is None for record in caplog.records)
        assert summary.summary().failing_since is None
        host.says = {}
        people_two = person("bob")
        mail.send_later(people_two.pk)
        work()
        assert len(host.letters) == 1
    assert jobs.forget(UndeliveredEmail.objects.get().pk)
    assert not summary.undelivered()


@pytest.mark.parametrize(
    "path",
    ["/awake/12.cRk3Wq_-s3cret/", "/accounts/password/reset/key/1-s3cret/", "/accounts/confirm-email/MQ:s3cret/"],
)
@pytest.mark.parametrize("says", ["554 5.7.1 blocked URL https://ondol.example.org{}", "554-blocked\r\n554 <{}> {}"])
def test_a_link_that_signs_in_is_not_kept_from_the_answer_of_a_filter(mail_settings, says, path):
    people()
    with MailHost({".": says.format(path, path)}) as host:
        mail_settings(host.url())
        work()
    [seen] = summary.undelivered()
    assert path.rsplit("/", 2)[0] + "/…" in seen.answer
    assert "s3cret" not in seen.answer
    assert "s3cret" not in str(DeliveryError(Cause.CONTENT, path))


def test_a_server_that_lets_new_senders_wait_gets_it_again(mail_settings, caplog):
    people()
    with MailHost({"RCPT": "450 4.2.0 greylisted"}) as host:
        mail_settings(host.url())
        work()
        assert not summary.is_alarming(), "that is usual"
        assert told(caplog, logging.WARNING) == [("an e-mail was not delivered, and is tried again", Cause.RECIPIENT)]
        for _ in range(2):
            wait(minutes=5, seconds=1)
        assert summary.is_alarming(), "three times are not"
        host.says = {}
        wait(minutes=16)
        assert len(host.letters) == 1


def test_one_that_may_have_arrived_is_sent_three_more_times_at_most(mail_settings):
    people()
    with MailHost({".": CLOSE}) as host:
        mail_settings(host.url())
        work()
        wait(minutes=50)
        assert len(host.letters) == 1
        for _ in range(5):
            wait(hours=25)
        assert len(host.letters) == 4
        assert UndeliveredEmail.objects.get(given_up_at__isnull=False).cause == Cause.UNCONFIRMED


def test_a_folder_that_cannot_be_written_is_told_too(mail_settings, tmp_path):
    (tmp_path / "file").write_text("")
    mail_settings(f"file://{tmp_path}/file")
    people()
    work()
    assert state.state().cause == Cause.FOLDER
    mail_settings(f"file://{tmp_path}/folder")
    wait(minutes=1)
    assert len(list((tmp_path / "folder").iterdir())) == 1


def test_an_e_mail_that_cannot_be_written_is_kept_with_the_traceback_in_the_log(mail_settings, caplog, tmp_path):
    mail_settings(f"file://{tmp_path}")
    letters.write_later("account/email/of_a_later_version", "mina@example.org")
    work()
    assert [(seen.to, seen.answer) for seen in summary.undelivered()] == [(letters.TASK, "KeyError")]
    assert any(record.exc_info for record in caplog.records)


def test_an_e_mail_that_is_out_of_date_when_the_server_is_back_is_told_and_not_sent(mail_settings, caplog):
    [one] = people()
    with MailHost(AWAY) as host:
        mail_settings(host.url())
        work()
        host.says = {}
        type(one).objects.update(approval=Approval.PENDING)
        wait(minutes=1)
        assert not host.letters
    assert "out of date" in told(caplog, logging.WARNING)[-1][0]
    assert not UndeliveredEmail.objects.exists()


def test_every_job_that_sends_an_e_mail_is_watched_and_patient():
    found = [task for task in django_app.tasks.values() if task.queue == "mail"]
    assert len(found) >= 6
    for task in found:
        assert jobs.watch in task.task_middleware, task.name
        assert task.retry_strategy is jobs.RETRY, task.name
