"""What guards machines does not wait behind a thousand jobs that were there before."""

from datetime import timedelta

import pytest
from django.db import connection
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateJob

from ondol.accounts.models import Approval, User
from ondol.autostop import tasks as autostop_tasks
from ondol.costs.tasks import budgets
from ondol.instances import actions
from ondol.instances.jobs import RECONCILE, enqueue
from ondol.instances.models import Instance
from ondol.instances.states import Reason
from ondol.priorities import AFTER_NEWS
from ondol.reconciler import observe, tasks
from tests.instances.rig import Rig, person

LETTER = app.configure_task("ondol.autostop.letter", queue="mail")
BY_THE_CLOCK = [
    tasks.observe_all, autostop_tasks.hours, autostop_tasks.collect, autostop_tasks.hold, autostop_tasks.warn, budgets,
]  # fmt: skip


def next_job() -> str:
    """Return the task that a worker with a free hand would take now; it is taken."""
    return taken()[1]


def taken() -> tuple[int, str, str | None]:
    """Take the job that comes next; return its number, its task, and its machine."""
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO procrastinate_workers DEFAULT VALUES RETURNING id")
        [worker] = cursor.fetchone()
        cursor.execute("SELECT id, task_name, args ->> 'row' FROM procrastinate_fetch_job_v2(NULL, %s)", [worker])
        number, task, row = cursor.fetchone()
        return number, task, row


def many_wait(rig: Rig) -> None:
    """Let many machines be stopped from outside, and many people be written to."""
    for number in range(3):
        machine = rig.running(person(f"p{number}"))
        enqueue(machine)
        LETTER.defer(warning=number)


def test_the_look_at_what_changes_comes_before_everything(rig):
    many_wait(rig)
    alice = person("alice")
    actions.create(alice)
    tasks.observe.defer(timestamp=0)
    assert [next_job(), next_job()] == ["ondol.instances.look", RECONCILE]
    with connection.cursor() as cursor:
        cursor.execute("SELECT args ->> 'row' FROM procrastinate_jobs WHERE status = 'doing' ORDER BY priority")
        assert cursor.fetchone() == (str(rig.mine(alice).pk),)  # the click, and none of the many


@pytest.mark.parametrize("task", BY_THE_CLOCK, ids=lambda task: task.name)
def test_what_guards_by_the_clock_comes_before_the_many_and_after_a_click(rig, task):
    many_wait(rig)
    task.defer(timestamp=0)
    actions.create(person("alice"))
    assert [next_job(), next_job()] == [RECONCILE, task.name]


@pytest.mark.parametrize("reason", [Reason.SCHEDULE, Reason.BUDGET])
def test_a_stop_by_a_rule_comes_before_the_many_and_after_a_click(rig, reason):
    bob = person("bob")
    stopped = rig.running(bob)
    many_wait(rig)
    assert actions.stop_by_rule(User.objects.get(pk=bob.pk), reason, lambda machine: True)
    alice = person("alice")
    actions.create(alice)
    assert [next_job(), next_job()] == [RECONCILE] * 2
    with connection.cursor() as cursor:
        cursor.execute("SELECT args ->> 'row' FROM procrastinate_jobs WHERE status = 'doing' ORDER BY priority DESC")
        assert [row for (row,) in cursor.fetchall()] == [str(rig.mine(alice).pk), str(stopped.pk)]


def test_machines_that_are_started_in_the_console_are_told_before_any_waits_for_its_alarm(rig):
    """CloudWatch takes three alarms a second: the hundredth machine would be told half a minute late."""
    *early, late = [rig.running(person(name)) for name in ("alice", "bob", "carol")]
    for machine in (*early, late):
        rig.cloud.world.stop_outside(machine.instance_id)
    rig.tick(2)
    rig.cloud.calls.clear()
    start_in_the_console(rig, *early)
    for _ in early:
        do_next(rig)
    start_in_the_console(rig, late)
    do_next(rig)
    assert {rig.mine(machine.owner).status for machine in (*early, late)} == {"RUNNING"}
    assert not rig.cloud.asked("arm")
    for _ in (*early, late):
        do_next(rig)
    assert rig.cloud.asked("arm") == 3
    assert all(rig.mine(machine.owner).is_armed for machine in (*early, late))


def test_a_look_at_all_does_not_bring_alarms_before_what_is_to_be_told(rig):
    early, late = [rig.running(person(name)) for name in ("alice", "bob")]
    for machine in (early, late):
        rig.cloud.world.stop_outside(machine.instance_id)
    rig.tick(2)
    rig.cloud.calls.clear()
    start_in_the_console(rig, early)
    do_next(rig)
    observe.observe_all(rig.cloud)
    start_in_the_console(rig, late)
    do_next(rig)
    assert (rig.mine(late.owner).status, rig.cloud.asked("arm")) == ("RUNNING", 0)


def test_a_machine_that_has_run_without_an_alarm_for_long_waits_no_more(rig, machines_clock):
    machine = rig.running(person("alice"))
    rig.cloud.world.stop_outside(machine.instance_id)
    rig.tick(2)
    start_in_the_console(rig, machine)
    do_next(rig)
    assert waits_with(machine) == AFTER_NEWS
    machines_clock.advance(timedelta(minutes=2))
    observe.observe_all(rig.cloud)
    assert waits_with(machine) == 0


def test_a_machine_of_somebody_suspended_that_starts_is_stopped_by_the_same_job(rig):
    bob = person("bob")
    machine = rig.running(bob)
    rig.cloud.world.stop_outside(machine.instance_id)
    rig.tick(2)
    User.objects.filter(pk=bob.pk).update(approval=Approval.SUSPENDED)
    many_wait(rig)
    start_in_the_console(rig, machine)
    rig.work_on(machine)
    assert (rig.mine(bob).status, rig.mine(bob).status_reason) == ("STOPPING", "NOT_APPROVED")


def waits_with(machine: Instance) -> int:
    """Return the priority of the job that waits for this machine."""
    [priority] = ProcrastinateJob.objects.filter(args__row=str(machine.pk), status="todo").values_list(
        "priority", flat=True
    )
    return int(priority)


def start_in_the_console(rig: Rig, *machines: Instance) -> None:
    """Start them, and look until they run; no job is done."""
    for machine in machines:
        rig.cloud.world.start_outside(machine.instance_id)
    observe.observe(rig.cloud)
    rig.cloud.world.settle()
    observe.observe(rig.cloud)


def do_next(rig: Rig) -> None:
    """Do the job of a machine that comes next, as a worker with one hand."""
    number, task, row = taken()
    assert (task, row is not None) == (RECONCILE, True)
    rig.work_on(Instance.objects.get(pk=row))
    with connection.cursor() as cursor:
        cursor.execute("SELECT procrastinate_finish_job_v1(%s, 'succeeded', true)", [number])
