"""During an upgrade, workers of two versions share the queue; no e-mail is lost. Server and workers are real."""

import pytest
from django.db import connection
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateJob

from ondol.accounts import requests, tasks
from ondol.accounts.models import Approval, Role
from tests.accounts.conftest import person
from tests.committed import committed  # noqa: F401  a fixture
from tests.outbox.mail_host import MailHost
from tests.outbox.test_delivery import work_for_real

pytestmark = [pytest.mark.enable_socket, pytest.mark.django_db]


def statuses():
    with connection.cursor() as cursor:
        cursor.execute("SELECT status::text FROM procrastinate_jobs WHERE task_name = %s", [requests.TASK])
        return [status for (status,) in cursor.fetchall()]


@pytest.mark.usefixtures("committed")
def test_ada_is_told_of_carols_request_though_an_old_worker_took_the_job(mail_settings, monkeypatch):
    app.perform_import_paths()
    person("ada", role=Role.ADMIN)
    person("carol", Approval.PENDING)
    with MailHost() as host:
        mail_settings(host.url())
        tasks.announce(timestamp=0)
        with monkeypatch.context() as old:
            old.delitem(app.tasks, requests.TASK)
            for _ in range(2):  # it takes the job again until it is replaced
                work_for_real()
                assert statuses() == ["failed"]
                tasks.announce(timestamp=0)
                assert statuses() == ["todo"]
                tasks.announce(timestamp=0)
        work_for_real()
        tasks.announce(timestamp=0)
        assert not ProcrastinateJob.objects.filter(task_name=requests.TASK).exists()
        assert len(host.letters) == 1
        assert "ada@example.org" in host.letters[0]
