"""A run is a thing of its own: a new one begins with nothing of the last, and the last one stays as it was."""

from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta

import pytest
from django.db import models

from ondol import clock
from ondol.cloud.errors import Refused, Throttled
from ondol.cloud.port import InstanceState
from ondol.instances import actions
from ondol.instances.groups import KEPT, Attempt, Observed, Trouble
from ondol.instances.lifecycle import TIMEOUTS
from ondol.instances.models import Instance, Run
from ondol.instances.record import Receipt
from ondol.reconciler import observe, seen

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
ITS_OWN = {"id", "instance", "began_at", "reason", "by", "launched_after"}
"""What a run is begun with."""
GROUPS = {group: {field.name for field in fields(group)} for group in (Attempt, Observed, Trouble)}


def something(field):
    """Some value that no run begins with."""
    return {
        models.DateTimeField: LONG_AGO,
        models.GenericIPAddressField: "203.0.113.99",
        models.JSONField: {"cpu": [99.0], "rule": {"minutes": 99, "percent": 99.0}},
        models.CharField: "X",
        models.PositiveIntegerField: 77,
        models.FloatField: 77.0,
        models.BooleanField: True,
    }[type(field)]


def stopped(rig, owner):
    actions.stop(owner)
    rig.work()
    rig.tick(2)
    assert rig.mine(owner).status == "STOPPED"


def test_whatever_the_last_run_had_a_new_one_begins_without_it(rig, alice):
    rig.running(alice)
    stopped(rig, alice)
    old = [field for field in Run._meta.concrete_fields if field.name not in ITS_OWN]
    Run.objects.update(**{field.name: something(field) for field in old})
    actions.start(alice)
    run = rig.mine(alice).run
    assert {field.name: getattr(run, field.name) for field in old} == {field.name: field.get_default() for field in old}


def test_every_field_of_a_machine_is_in_one_group_or_is_kept():
    names = [name for group in GROUPS.values() for name in group] + list(KEPT)
    assert sorted(names) == sorted(field.name for field in Instance._meta.concrete_fields)


def test_each_group_begins_as_a_new_row_does():
    row = Instance()
    for group in GROUPS:
        for field in fields(group):
            assert getattr(group(), field.name) == getattr(row, field.name), field.name


def test_whatever_an_attempt_had_a_new_one_begins_without_it(rig, alice):
    rig.cloud.next_error["launch"] = [Refused("InvalidParameterValue")]
    actions.create(alice)
    rig.work()
    rig.tick(2)
    failed = rig.mine(alice)
    assert (failed.status, failed.is_clean, failed.run.ended_at is None) == ("FAILED", True, False)
    names = set().union(*GROUPS.values())
    others = {field.name: something(field) for field in Instance._meta.concrete_fields if field.name in names}
    Instance.objects.update(**others)
    actions.create(alice)
    row = rig.mine(alice)
    assert {name: getattr(row, name) for name in names} == {name: getattr(Instance(), name) for name in names}
    assert row.run_id != failed.run_id


def test_a_click_begins_a_run_and_says_who_and_why_it_ended(rig, alice, ada):
    rig.running(alice)
    first = rig.mine(alice).run
    actions.stop(alice, by=ada)
    rig.work()
    rig.tick(2)
    first.refresh_from_db()
    assert (first.reason, first.by, first.end_reason) == ("PERSON", alice, "ADMIN")
    assert first.ended_at == rig.mine(alice).stopped_at
    address = first.public_ip
    actions.start(alice)
    rig.work()
    rig.tick(2)
    first.refresh_from_db()
    second = rig.mine(alice).run
    assert (second.by, second.ended_at, first.public_ip) == (alice, None, address)
    assert first.launched_at < second.launched_at
    assert second.public_ip not in {address, None}
    assert list(rig.mine(alice).runs.order_by("began_at")) == [first, second]


def test_an_idle_stop_leaves_its_receipt_with_the_run(rig, alice):
    instance = rig.running(alice)
    rig.cloud.world.stop_by_alarm(instance.instance_id)
    rig.tick(2)
    run = rig.mine(alice).run
    assert (run.end_reason, run.idle_receipt) == ("IDLE", Receipt((0.5,) * 6, 30, 5.0, 10.0))
    assert run.ended_at == rig.cloud.world.stops[instance.alarm_name][0].at


def test_while_it_is_to_start_the_launch_time_is_still_of_the_run_before(rig, alice):
    rig.running(alice)
    stopped(rig, alice)
    before = rig.mine(alice).run
    actions.start(alice)
    observe.observe_all(rig.cloud)
    row = rig.mine(alice)
    assert (row.status, row.seen_view, row.seen_launched_at) == ("STARTING", "stopped", before.launched_at)
    assert (row.run.launched_after, row.run.launched_at) == (before.launched_at, None)


def test_an_alarm_that_was_put_long_before_the_machine_booted_does_not_count(rig, alice):
    rig.running(alice)
    stopped(rig, alice)
    actions.start(alice)
    rig.work()
    run = rig.mine(alice).run
    assert run.is_armed
    run.launched_at = run.armed_at + timedelta(minutes=3, seconds=1)
    assert not run.is_armed


@pytest.mark.parametrize("from_status", ["STOPPED", "STOPPING"])
def test_a_start_outside_begins_a_run(rig, alice, from_status):
    instance = rig.running(alice)
    first = instance.run
    if from_status == "STOPPED":
        stopped(rig, alice)
    else:
        rig.cloud.world.stop_outside(instance.instance_id)
        observe.observe_all(rig.cloud)
        rig.work()
        assert rig.mine(alice).status == "STOPPING"
        rig.cloud.world.settle()
        Instance.objects.update(status_since=clock.now() - TIMEOUTS.shown - timedelta(seconds=1))
    rig.cloud.world.now = lambda: clock.now() + timedelta(hours=1)
    rig.cloud.world.start_outside(instance.instance_id)
    rig.tick()
    first.refresh_from_db()
    row = rig.mine(alice)
    assert (row.status, row.run.reason, row.run.by) == ("RUNNING", "OUTSIDE", None)
    assert row.run.launched_at == row.seen_launched_at > first.launched_at
    assert row.run.public_ip == row.public_ip is not None
    assert first.ended_at is not None


def test_a_stop_that_failed_does_not_end_the_run(rig, alice, machines_clock):
    instance = rig.running(alice)
    rig.cloud.next_error["stop"] = [Throttled("RequestLimitExceeded")] * 9
    actions.stop(alice)
    rig.work()
    machines_clock.advance(timedelta(minutes=11))
    rig.tick()
    row = rig.mine(alice)
    assert (row.status, row.status_reason, row.run_id) == ("RUNNING", "STOP_FAILED", instance.run_id)
    assert row.run.ended_at is None


def test_what_a_look_brings_late_is_not_written_to_the_next_run(rig, alice):
    instance = rig.running(alice)
    server = rig.cloud.world.ec2_instances[instance.instance_id]
    stale = replace(server.value, state=InstanceState.RUNNING)
    stopped(rig, alice)
    rows = [rig.mine(alice)]
    actions.start(alice)
    seen.take_in(rows, {str(rows[0].pk): [replace(stale, launched_at=clock.now())]}, clock.now())
    assert rig.mine(alice).run.launched_at is None


def test_what_an_act_brings_for_a_run_that_is_over_is_forgotten(rig, alice):
    rig.running(alice)
    stopped(rig, alice)
    actions.start(alice)
    run = Run.objects.filter(pk=rig.mine(alice).run_id)
    rig.cloud.meanwhile["arm"] = lambda: run.update(ended_at=clock.now())
    rig.work()
    assert run.get().armed_at is None
