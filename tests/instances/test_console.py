"""What somebody changes in the console is put back or replaced, and tags that are gone keep nobody from stopping."""

from dataclasses import replace
from datetime import timedelta

import pytest

from ondol import clock
from ondol.cloud.port import IdleRule, Tag
from ondol.instances import actions
from ondol.instances.models import Run


def test_an_alarm_deleted_in_the_console_is_put_back(rig, alice):
    rig.running(alice)
    Run.objects.update(armed_at=clock.now() - timedelta(seconds=90))
    rig.cloud.world.alarms.clear()
    rig.tick()
    instance = rig.mine(alice)
    assert list(rig.cloud.world.alarms) == [instance.alarm_name]
    assert instance.is_armed


def test_a_rule_taken_away_in_the_console_is_put_back_at_the_next_start(rig, alice):
    instance = rig.running(alice)
    group = rig.cloud.world.groups[instance.security_group_id].value
    group.cidrs.clear()
    actions.stop(alice)
    rig.work()
    rig.tick()
    actions.start(alice)
    rig.work()
    assert group.cidrs == {"0.0.0.0/0"}


def settled(rig):
    """The alarm was put some time ago, so that looks may trust what they are shown."""
    Run.objects.update(armed_at=clock.now() - timedelta(seconds=90))


@pytest.mark.parametrize(
    "changed",
    [{"state": "ALARM"}, {"rule": IdleRule(60, 5.0)}, {"rule": IdleRule(30, 90.0)}, {"is_sound": False},
     {"instance_id": "i-another"}],
    ids=lambda changed: next(iter(changed)),
)  # fmt: skip
def test_an_alarm_that_would_not_stop_the_machine_is_put_anew(rig, alice, changed):
    instance = rig.running(alice)
    settled(rig)
    alarm = rig.cloud.world.alarms[instance.alarm_name]
    alarm.value = replace(alarm.value, **changed)
    rig.tick()
    assert len(rig.cloud.world.alarms) == 1, "what was replaced is gone"
    shown = rig.alarm_of(instance).value
    assert shown.state == "INSUFFICIENT_DATA"
    assert shown.rule == IdleRule(30, 5.0)
    assert shown.is_sound


def test_an_alarm_without_the_warm_up_that_keeps_a_machine_awake_is_put_anew(rig, alice):
    instance = rig.running(alice)
    Run.objects.update(awake_until=clock.now() + timedelta(hours=4))
    rig.tick()
    settled(rig)
    alarm = rig.alarm_of(instance)
    alarm.value = replace(alarm.value, warm_up_minutes=0)
    rig.tick()
    assert rig.alarm_of(instance).value.warm_up_minutes == 240


def untag(rig, instance, *names):
    thing = rig.cloud.world.ec2_instances[instance.instance_id]
    thing.tags = {name: value for name, value in thing.tags.items() if name not in names}
    thing.value = replace(thing.value, row=thing.tags.get(Tag.ROW, ""))


@pytest.mark.parametrize("tag", [Tag.ROW, Tag.DEPLOYMENT])
def test_a_machine_without_its_tags_is_still_stopped_and_ended(rig, alice, ada, tag):
    instance = rig.running(alice)
    untag(rig, instance, tag)
    rig.tick(2)
    actions.stop(alice)
    rig.work()
    rig.tick(2)
    assert rig.mine(alice).status == "STOPPED"
    actions.terminate(alice, by=ada)
    rig.work()
    rig.tick(3)
    assert rig.mine(alice).status == "TERMINATED"
    assert rig.cloud.world.ec2_instances[instance.instance_id].value.state == "terminated"
