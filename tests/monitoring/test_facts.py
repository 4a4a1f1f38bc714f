"""The metrics of the database are right, within seconds, and cost it little."""

import time
from datetime import timedelta
from threading import Event

import pytest
from django.db import OperationalError, connection
from procrastinate.contrib.django import app

from ondol import clock
from ondol.accounts import mail
from ondol.accounts.models import Approval
from ondol.deployment.models import Deployment
from ondol.instances import actions
from ondol.instances.states import Status
from ondol.monitoring import facts
from ondol.monitoring.facts import DatabaseFacts, read_facts
from ondol.request_id import request_id
from tests.instances.rig import Rig, made, person


def told(families=None):
    """Return the facts as `name{label="value"}`: value."""
    samples = [sample for family in families or read_facts() for sample in family.samples]
    return {sample.name + "".join(f" {value}" for value in sample.labels.values()): sample.value for sample in samples}


@pytest.fixture
def rig(db):
    return Rig()


def test_each_status_has_a_row_and_people_count_by_approval(db):
    made(person("alice"), status=Status.STOPPED)
    made(person("bob"), status=Status.FAILED)
    made(person("dan"), status=Status.FAILED)
    person("carol", approval=Approval.PENDING)
    facts = told()
    assert {name.split()[1] for name in facts if name.startswith("ondol_machines ")} == {
        status.lower() for status in Status
    }
    assert (facts["ondol_machines failed"], facts["ondol_machines running"]) == (2, 0)
    assert (facts["ondol_people pending"], facts["ondol_people approved"]) == (1, 3)


def test_a_running_machine_whose_alarm_does_not_count_is_unarmed(rig):
    alice, bob = rig.running(person("alice")), rig.running(person("bob"))
    assert told()["ondol_machines_unarmed"] == 0
    alice.run.armed_at = None
    alice.run.save()
    bob.run.lease_until = clock.now() + timedelta(hours=1)  # asked for, and not put yet
    bob.run.save()
    assert told()["ondol_machines_unarmed"] == 2


def job(queue, status="todo", **fields):
    """Enqueue something, as if long ago."""
    pk = app.configure_task("some.task", queue=queue, **fields).defer()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE procrastinate_jobs SET status = %s WHERE id = %s", [status, pk])
        cursor.execute("UPDATE procrastinate_events SET at = at - interval '5 minutes' WHERE job_id = %s", [pk])


def test_jobs_count_by_where_they_are(db):
    for queue, status in [("mail", "todo"), ("mail", "doing"), ("mail", "failed"), ("instances", "failed")]:
        job(queue, status)
    job("mail", "succeeded")
    job("periodic", schedule_in={"hours": 1})
    facts = told()
    assert (facts["ondol_jobs mail todo"], facts["ondol_jobs instances failed"]) == (1, 1)
    assert "ondol_jobs mail succeeded" not in facts
    assert 299 < facts["ondol_job_wait_seconds mail"] < 330
    assert facts["ondol_job_wait_seconds periodic"] == 0  # not before its time
    assert "ondol_job_wait_seconds instances" not in facts
    assert facts["ondol_workers"] == 0


def test_the_age_of_the_last_observation_is_in_real_seconds_whatever_the_trials_clock_does(db, machines_clock):
    Deployment.current().update(confirmed_at=clock.now(), findings=[{"a": 1}, {"b": 2}], trouble="Unreachable")
    machines_clock.advance(timedelta(minutes=2))
    facts = told()
    assert 119 < facts["ondol_last_observation_age_seconds"] * clock.clock().speed < 150
    assert (facts["ondol_findings"], facts["ondol_aws_trouble"]) == (2, 1)
    assert "ondol_last_sweep_age_seconds" not in facts  # there was none


def test_facts_are_read_once_however_often_somebody_scrapes():
    reads = []
    known = DatabaseFacts(lambda: reads.append(1) or [facts._gauge("ondol_x", "", 1)])
    for _ in range(20):
        assert told(known.collect()) == {"ondol_database_up": 1, "ondol_x": 1}
    assert len(reads) == 1


def test_a_database_that_refuses_is_told_and_asked_again():
    answers = [OperationalError("refused"), RuntimeError("our own mistake"), [facts._gauge("ondol_x", "", 1)]]

    def read():
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    known = DatabaseFacts(read)
    assert [told(known.collect())["ondol_database_up"] for _ in range(3)] == [0, 0, 1]


def test_a_database_that_says_nothing_holds_a_scrape_for_seconds_and_one_thread(monkeypatch):
    monkeypatch.setattr(facts, "ANSWERS_WITHIN", 0.2)
    answers, reads = Event(), []

    def read():
        reads.append(1)
        answers.wait(30)
        return [facts._gauge("ondol_x", "", 1)]

    known, began = DatabaseFacts(read), time.monotonic()
    assert [told(known.collect())["ondol_database_up"] for _ in range(3)] == [0, 0, 0]
    assert (len(reads), time.monotonic() - began < 5) == (1, True)
    answers.set()
    monkeypatch.setattr(facts, "ANSWERS_WITHIN", 10)
    assert told(known.collect())["ondol_database_up"] == 1


def test_nobody_reads_the_database_to_learn_what_is_told():
    assert list(DatabaseFacts(lambda: 1 / 0).describe()) == []


def test_a_click_and_its_letter_are_under_one_id_and_a_periodic_job_under_none(db):
    token = request_id.set("b7ad6b7169203331")
    try:
        alice = person("alice")
        actions.create(alice)
        mail.send_later(alice.pk)
    finally:
        request_id.reset(token)
    actions.create(person("bob"))
    with connection.cursor() as cursor:
        cursor.execute("SELECT args->>'request_id' FROM procrastinate_jobs ORDER BY id")
        assert cursor.fetchall() == [("b7ad6b7169203331",), ("b7ad6b7169203331",), (None,)]
