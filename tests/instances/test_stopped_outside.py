"""If somebody stops, starts or terminates a machine outside Ondol, it is noticed: when, why, and what to do then."""

from dataclasses import replace
from datetime import timedelta

import pytest

from ondol import clock
from ondol.cloud.errors import Gone, Refused, Unreachable
from ondol.cloud.port import InstanceState
from ondol.instances import actions
from ondol.instances.models import Instance, Run, SshKey
from ondol.instances.record import Receipt
from ondol.reconciler import observe
from tests.instances.rig import person


def test_what_somebody_else_stops_is_told_at_the_next_look(rig, alice):
    """Not half a minute later, when all are looked at; and one call finds it among any number."""
    for number in range(3):
        rig.running(person(f"p{number}"))
    instance = rig.running(alice)
    rig.cloud.world.stop_outside(instance.instance_id)
    rig.cloud.calls.clear()
    observe.observe(rig.cloud)
    rig.work()
    assert rig.mine(alice).status == "STOPPING"
    assert [call.operation for call in rig.cloud.calls] == ["moving", "ec2_instances"]
    assert rig.cloud.calls[1].args == ([str(instance.pk)],)


def test_what_somebody_else_starts_is_told_as_soon_as_it_runs(rig, alice):
    instance = rig.running(alice)
    actions.stop(alice)
    rig.work()
    rig.tick()
    rig.cloud.world.start_outside(instance.instance_id)
    observe.observe(rig.cloud)
    assert rig.mine(alice).seen_view == "pending"
    rig.cloud.world.settle()
    observe.observe(rig.cloud)
    rig.work()
    assert rig.mine(alice).status == "RUNNING"


@pytest.mark.parametrize(
    ("event", "reason"),
    [("stop_by_alarm", "IDLE"), ("stop_outside", "OUTSIDE"), ("power_off", "INSIDE")],
)
def test_a_stop_behind_our_back_is_noticed_with_its_reason(rig, alice, event, reason):
    instance = rig.running(alice)
    getattr(rig.cloud.world, event)(instance.instance_id)
    rig.tick(2)
    instance.refresh_from_db()
    assert (instance.status, instance.status_reason, instance.public_ip) == ("STOPPED", reason, None)
    assert rig.cloud.asked("start") == 0


def test_an_idle_stop_has_its_receipt_the_values_and_the_rule_of_then(rig, alice):
    instance = rig.running(alice)
    Run.objects.update(armed_idle_minutes=30, armed_cpu_percent=5.0)
    rig.cloud.world.stop_by_alarm(instance.instance_id)
    observe.observe_all(rig.cloud)
    rig.work()
    rig.tick(2)
    noticed, stopped = list(instance.changes.all())[-2:]
    assert (noticed.new, noticed.reason, noticed.record.receipt) == ("STOPPING", "UNKNOWN", None)
    assert (stopped.new, stopped.reason, stopped.record.receipt) == (
        "STOPPED",
        "IDLE",
        Receipt((0.5,) * 6, 30, 5.0, 10.0),
    )
    assert stopped.record.since == rig.cloud.world.stops[instance.alarm_name][0].at


def test_that_aws_is_stopping_a_machine_is_said_before_anybody_knows_why(rig, alice):
    instance = rig.running(alice)
    rig.cloud.world.stop_by_alarm(instance.instance_id)
    rig.cloud.calls.clear()
    observe.observe_all(rig.cloud)
    rig.work()
    assert (rig.mine(alice).status, rig.cloud.asked("stopped_by_alarm")) == ("STOPPING", 0)


def test_a_stop_that_is_noticed_late_tells_when_it_was(rig, alice, machines_clock):
    instance = rig.running(alice)
    rig.cloud.world.stop_by_alarm(instance.instance_id)
    rig.cloud.world.settle()
    machines_clock.advance(timedelta(minutes=10))
    rig.tick(2)
    row = rig.mine(alice)
    assert row.status == "STOPPED"
    assert row.status_since - row.since >= timedelta(minutes=9)
    assert row.since == row.stopped_at


def test_a_machine_started_in_the_console_is_adopted_and_armed(rig, alice):
    instance = rig.running(alice)
    actions.stop(alice)
    rig.work()
    rig.tick()
    rig.cloud.world.ahead = timedelta(hours=1)
    rig.cloud.world.start_outside(instance.instance_id)
    rig.cloud.calls.clear()
    rig.tick(2)
    instance.refresh_from_db()
    assert (instance.status, instance.status_reason) == ("RUNNING", "OUTSIDE")
    assert rig.cloud.asked("arm") >= 1


def test_a_machine_ended_in_the_console_is_cleaned_up(rig, alice):
    instance = rig.running(alice)
    rig.cloud.world.terminate_outside(instance.instance_id)
    rig.tick(3)
    instance.refresh_from_db()
    assert instance.status == "TERMINATED"
    assert (rig.cloud.world.groups, rig.cloud.world.keys, rig.cloud.world.alarms) == ({}, {}, {})
    assert not SshKey.objects.exists()


def test_a_stop_and_a_start_between_two_looks_are_armed_for_anew(rig, alice):
    instance = rig.running(alice)
    rig.cloud.world.ahead = timedelta(hours=1)
    for happens in (rig.cloud.world.stop_outside, rig.cloud.world.start_outside):
        happens(instance.instance_id)
        rig.cloud.world.settle()
    rig.cloud.calls.clear()
    rig.tick()
    assert rig.mine(alice).status == "RUNNING"
    assert rig.cloud.asked("arm") >= 1


@pytest.mark.parametrize(
    ("trouble", "reason"), [([Unreachable("timeout")] * 3, "IDLE"), ([Refused("AccessDenied")] * 9, "OUTSIDE")]
)
def test_where_the_history_cannot_be_read_a_stop_is_noticed_and_its_reason_asked_for_again(rig, alice, trouble, reason):
    instance = rig.running(alice)
    rig.cloud.world.stop_by_alarm(instance.instance_id)
    rig.cloud.next_error["stopped_by_alarm"] = trouble
    rig.tick(4)
    row = rig.mine(alice)
    assert (row.status, row.status_reason) == ("STOPPED", reason)


def test_a_machine_missing_for_a_while_is_not_given_up(rig, alice):
    instance = rig.running(alice)
    hidden = rig.cloud.world.ec2_instances.pop(instance.instance_id)
    rig.tick(3)
    assert rig.mine(alice).status == "RUNNING"
    rig.cloud.world.ec2_instances[instance.instance_id] = hidden
    rig.tick()
    assert rig.mine(alice).seen_view == "running"


def test_a_machine_missing_for_long_has_ended(rig, alice):
    instance = rig.running(alice)
    rig.cloud.world.ec2_instances.pop(instance.instance_id)
    rig.tick()
    Instance.objects.update(seen_since=clock.now() - timedelta(minutes=61))
    rig.tick(4)
    assert rig.mine(alice).status == "TERMINATED"
    assert not SshKey.objects.exists()


def test_a_machine_that_is_not_shown_to_whoever_ends_it_has_not_ended_yet(rig, alice, ada):
    instance = rig.running(alice)
    rig.cloud.next_error["terminate"] = [Gone("InvalidInstanceID.NotFound")]
    actions.terminate(alice, by=ada)
    rig.work()
    assert (rig.mine(alice).status, rig.mine(alice).seen_view) == ("TERMINATING", "absent")
    rig.tick(3)
    assert rig.mine(alice).status == "TERMINATED"
    assert rig.cloud.world.ec2_instances[instance.instance_id].value.state is InstanceState.TERMINATED


def test_what_lives_on_after_its_row_has_ended_is_ended_again(rig, alice, ada):
    instance = rig.running(alice)
    spec, token = rig.cloud.world.specs[instance.instance_id], instance.client_token
    actions.terminate(alice, by=ada)
    rig.work()
    rig.tick(3)
    Instance.objects.update(status_since=clock.now() - timedelta(days=3))
    thing = rig.cloud.world.ec2_instances[instance.instance_id]
    thing.value = replace(thing.value, state=InstanceState.RUNNING, client_token=token)  # as if it had never been told
    rig.cloud.world.specs[instance.instance_id] = spec
    rig.tick(3)
    assert rig.live(alice) == []
