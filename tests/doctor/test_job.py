"""The worker's check-up is saved for the pages."""

import pytest
from procrastinate.contrib.django.models import ProcrastinateJob

from ondol.doctor import records, tasks

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
