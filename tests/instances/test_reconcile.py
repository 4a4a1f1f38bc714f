"""A machine's later life: start, stop, end, in any order; and what a worker may do."""

from datetime import timedelta
from functools import partial

import pytest
from django.db import connection, transaction

from ondol import clock
from ondol.cloud.errors import NoCapacity, Refused
from ondol.instances import actions
from ondol.instances.key_file import take_key
from ondol.instances.models import Instance, Run
from ondol.reconciler import observe
from ondol.reconciler.job_lease import JobLeaseLost
from ondol.reconciler.reconcile import reconcile
from tests.instances.test_making import MAKING


def open_transactions():
    """How many connections to our database wait in a transaction: calls are made in threads, so ask PostgreSQL."""
    outside = connection.copy()
    try:
        with outside.cursor() as cursor:
            cursor.execute("SET ROLE NONE")  # the application's role is not shown what others are at
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity"
                " WHERE datname = current_database() AND state LIKE 'idle in transaction%'"
            )
            return cursor.fetchone()[0]
    finally:
        outside.close()


EVERY_CALL = [
    *MAKING, "ec2_instances", "start", "stop", "terminate", "group", "keys", "delete_group", "delete_key",
    "delete_alarm", "stopped_by_alarm", "alarms",
]  # fmt: skip


def test_no_call_to_aws_is_made_in_a_transaction(transactional_db, rig, alice, ada):
    seen = {}
    for operation in EVERY_CALL:
        rig.cloud.meanwhile[operation] = partial(lambda name: seen.setdefault(name, open_transactions()), operation)
    instance = rig.running(alice)
    Run.objects.update(armed_at=clock.now() - timedelta(seconds=90))
    rig.tick()
    rig.cloud.world.stop_by_alarm(instance.instance_id)
    rig.tick(2)
    actions.start(alice)
    rig.work()
    rig.tick(2)
    actions.stop(alice)
    rig.work()
    rig.tick()
    actions.terminate(alice, by=ada)
    rig.work()
    rig.tick(3)
    assert seen == dict.fromkeys(EVERY_CALL, 0)
    with transaction.atomic():
        Instance.objects.count()
        assert open_transactions() == 1, "it could not see one"


def test_no_capacity_at_a_start_leaves_the_machine_stopped_and_says_so(rig, alice):
    rig.running(alice)
    actions.stop(alice)
    rig.work()
    rig.tick()
    rig.cloud.next_error["start"] = [NoCapacity("InsufficientInstanceCapacity")]
    actions.start(alice)
    rig.work()
    instance = rig.mine(alice)
    assert (instance.status, instance.status_reason) == ("STOPPED", "NO_CAPACITY")
    assert instance.error_ref
    actions.start(alice)
    rig.work()
    rig.tick(2)
    assert rig.mine(alice).status == "RUNNING"


def test_the_alarm_is_put_anew_before_each_start(rig, alice):
    rig.running(alice)
    actions.stop(alice)
    rig.work()
    rig.tick()
    rig.cloud.calls.clear()
    actions.start(alice)
    rig.work()
    rig.tick(2)
    operations = [call.operation for call in rig.cloud.calls if call.operation in {"arm", "start"}]
    assert operations == ["arm", "start"]


def test_the_administrator_ends_it_and_alice_gets_a_new_key(rig, alice, ada):
    instance = rig.running(alice)
    old = take_key(alice).text
    actions.terminate(alice, by=ada)
    rig.work()
    rig.tick(3)
    instance.refresh_from_db()
    assert instance.status == "TERMINATED"
    assert (rig.live(alice), rig.cloud.world.groups, rig.cloud.world.keys, rig.cloud.world.alarms) == ([], {}, {}, {})
    assert actions.current(alice) is None
    rig.running(alice)
    assert take_key(alice).text != old


def test_a_worker_that_lost_its_job_lease_records_nothing(rig, alice):
    actions.create(alice)
    row = str(rig.mine(alice).pk)
    held = iter([True, True])

    def ensure_job_lease():
        if not next(held, False):
            raise JobLeaseLost

    with pytest.raises(JobLeaseLost):
        reconcile(row, rig.cloud, ensure_job_lease)
    assert rig.mine(alice).instance_id is None
    rig.tick(3)  # another worker
    assert rig.mine(alice).status == "RUNNING"
    assert len(rig.live(alice)) == 1


def test_running_means_that_ssh_answers(rig, alice):
    rig.ssh = False
    actions.create(alice)
    rig.work()
    rig.tick(3)
    assert rig.mine(alice).status == "PENDING"
    rig.ssh = True
    rig.tick()
    assert rig.mine(alice).status == "RUNNING"


def test_where_the_group_keeps_us_out_awss_checks_decide(rig, alice):
    rig.ssh = False
    actions.create(alice)
    rig.work()
    rig.tick(2)
    Instance.objects.update(seen_since=clock.now() - timedelta(minutes=1))
    rig.tick()
    instance = rig.mine(alice)
    assert (instance.status, instance.status_reason) == ("RUNNING", "DONE")


def test_where_nothing_answers_it_is_shown_running_with_a_warning(rig, alice):
    rig.ssh = False
    actions.create(alice)
    rig.work()
    rig.cloud.world.failing.add(rig.mine(alice).instance_id)
    rig.tick(2)
    Instance.objects.update(seen_since=clock.now() - timedelta(minutes=5))
    rig.tick()
    instance = rig.mine(alice)
    assert (instance.status, instance.status_reason) == ("RUNNING", "UNREACHABLE")


def test_a_worker_without_a_job_lease_moves_nothing(rig, alice):
    instance = rig.running(alice)
    rig.cloud.world.stop_outside(instance.instance_id)
    rig.cloud.world.settle()
    observe.observe_all(rig.cloud)
    held = iter([True])

    def ensure_job_lease():
        if not next(held, False):
            raise JobLeaseLost

    with pytest.raises(JobLeaseLost):
        reconcile(str(instance.pk), rig.cloud, ensure_job_lease)
    assert rig.mine(alice).status == "RUNNING"


def test_a_running_machine_whose_alarm_is_refused_is_not_called_stopped(rig, alice):
    rig.running(alice)
    actions.stop(alice)
    rig.work()
    rig.tick()
    actions.start(alice)
    rig.work()
    Run.objects.update(armed_at=None)
    rig.cloud.next_error["arm"] = [Refused("AccessDenied")] * 50
    rig.tick(2)
    assert rig.mine(alice).status == "STARTING"
    Instance.objects.update(status_since=clock.now() - timedelta(minutes=11))
    rig.tick(2)
    instance = rig.mine(alice)
    assert (instance.status, instance.status_reason) == ("RUNNING", "UNARMED")
    assert instance.error_ref
    assert [change.new for change in instance.changes.all()][-2:] == ["STARTING", "RUNNING"]


def test_a_clock_that_is_minutes_behind_aws_does_not_arm_again_and_again(rig, alice):
    instance = rig.running(alice)
    Run.objects.update(launched_at=clock.now() + timedelta(minutes=6))
    rig.cloud.calls.clear()
    reconcile(str(instance.pk), rig.cloud, rig.ensure_job_lease, lambda address, port: True)
    assert rig.cloud.asked("arm") == 1
    assert rig.mine(alice).next_at is not None
