"""The worker's check-up is saved for the pages."""

import pytest
from procrastinate.contrib.django.models import ProcrastinateJob

from ondol.deployment.findings import Why, remembered
from ondol.doctor import records, tasks
from ondol.doctor.findings import ok, unknown, warning

pytestmark = pytest.mark.django_db


def test_what_a_worker_finds_is_kept():
    tasks.check_up()
    record = records.last()
    assert record.at is not None
    assert {"database", "keys", "worker", "settings"} <= {finding.check for finding in record.findings}


def test_every_hour_one_is_asked_for():
    tasks.hourly(0)
    assert ProcrastinateJob.objects.filter(task_name=records.TASK).count() == 1
    assert records.last().is_asked_for


def test_what_a_canary_shows_is_told_as_a_finding_and_goes_again(monkeypatch):
    shown = [warning("warm_up", "ignored", region="ap-northeast-2")]
    monkeypatch.setattr(tasks, "examine", lambda config: shown)
    tasks.check_up()
    assert [finding.why for finding in remembered()] == [Why.WARM_UP_IGNORED]
    shown[:] = [unknown("warm_up", "nothing")]
    tasks.check_up()
    assert len(remembered()) == 1, "it says nothing new"
    shown[:] = [ok("warm_up", "kept")]
    tasks.check_up()
    assert remembered() == []
