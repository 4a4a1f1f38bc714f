"""A machine that has a job waiting gets no other one."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from procrastinate.contrib.django.models import ProcrastinateJob

from ondol.instances.models import Instance
from ondol.priorities import MANY
from ondol.reconciler import observe
from tests.instances.rig import Rig, person


def jobs(of: Instance) -> list[tuple[int, str]]:
    """The jobs of a machine: priority and status."""
    lock = f"instance:{of.pk}"
    return list(ProcrastinateJob.objects.filter(lock=lock).order_by("id").values_list("priority", "status"))


@pytest.mark.django_db
class TestWhoWaitsAlready:
    """A thousand may stop at once: most wait for Amazon's quota, and all are looked at every two seconds."""

    def stopped(self, rig: Rig, count: int) -> list[Instance]:
        machines = [rig.running(person(f"p{number}")) for number in range(count)]
        for machine in machines:
            rig.cloud.world.stop_outside(machine.instance_id)
        observe.observe(rig.cloud)
        return machines

    def test_needs_no_other_job_and_no_statement(self, rig):
        machines = self.stopped(rig, 3)
        with CaptureQueriesContext(connection) as queries:
            observe.observe(rig.cloud)
        assert [jobs(machine) for machine in machines] == [[(0, "todo")]] * 3
        assert not [query for query in queries if "procrastinate_defer" in query["sql"]]

    def test_is_overtaken_where_the_job_was_one_of_many(self, rig):
        [machine] = self.stopped(rig, 1)
        with connection.cursor() as cursor:
            cursor.execute("UPDATE procrastinate_jobs SET priority = %s", [MANY])
        observe.observe(rig.cloud)
        assert jobs(machine) == [(0, "todo")]

    def test_gets_another_job_while_one_is_at_work(self, rig):
        """It may have read the row before this was seen."""
        [machine] = self.stopped(rig, 1)
        with connection.cursor() as cursor:
            cursor.execute("UPDATE procrastinate_jobs SET status = 'doing'")
        observe.observe(rig.cloud)
        assert jobs(machine) == [(0, "doing"), (0, "todo")]
