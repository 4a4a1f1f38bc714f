"""What a machine's alarm says: its owner's rule and wish, whatever happens meanwhile."""

from dataclasses import replace
from datetime import timedelta

import pytest

from ondol import clock
from ondol.cloud.port import IdleRule
from ondol.config import config
from ondol.instances import actions
from ondol.instances.models import Instance, Run
from ondol.instances.resizing import change_size
from ondol.policy.models import Policy
from ondol.reconciler import observe
from tests.instances.rig import person


def settled():
    """The alarm was put some time ago, so that looks may trust what they are shown."""
    Run.objects.update(armed_at=clock.now() - timedelta(seconds=90))


def alarm_of(rig, instance):
    return rig.cloud.world.alarms[instance.resource_name].value


def test_each_is_armed_by_her_own_rule(rig, alice):
    bob = person("bob")
    Policy.objects.create(owner=bob, idle_minutes=120, idle_core_percent="5")
    hers, his = rig.running(alice), rig.running(bob)
    assert (alarm_of(rig, hers).rule, alarm_of(rig, hers).warm_up_minutes) == (IdleRule(30, 5.0), 40)
    assert (alarm_of(rig, his).rule, alarm_of(rig, his).warm_up_minutes) == (IdleRule(120, 2.5), 130)
    assert (his.run.armed_idle_minutes, his.run.armed_cpu_percent, his.run.warm_up_minutes) == (120, 2.5, 130)


def test_a_machine_that_runs_is_armed_anew_once_its_rule_has_changed(rig, alice):
    instance = rig.running(alice)
    settled()
    Policy.objects.create(owner=None, idle_minutes=60)
    rig.tick()
    assert alarm_of(rig, instance).rule == IdleRule(60, 5.0)
    settled()
    rig.cloud.calls.clear()
    rig.tick()
    assert rig.cloud.asked("arm") == 0


@pytest.mark.parametrize(
    ("kind", "percent"), [("t2.micro", 5.0), ("t3.large", 5.0), ("m7i.xlarge", 2.5), ("m7i.8xlarge", 0.3125)]
)
def test_a_share_of_one_core_is_armed_as_per_cent_of_all_vcpus_of_the_type(rig, alice, monkeypatch, kind, percent):
    monkeypatch.setattr(config(), "idle_core_percent", 10.0)
    monkeypatch.setattr(config(), "instance_types", (kind,))
    actions.create(alice, kind)
    rig.work()
    rig.tick(2)
    instance = rig.mine(alice)
    assert alarm_of(rig, instance).rule == IdleRule(30, percent)
    assert instance.run.armed_cpu_percent == percent
    settled()
    rig.cloud.calls.clear()
    rig.tick()
    assert rig.cloud.asked("arm") == 0, "it is right as it is"


def test_another_type_is_armed_with_its_own_threshold(rig, alice, monkeypatch):
    monkeypatch.setattr(config(), "instance_types", ("m7i.8xlarge",))
    instance = rig.running(alice)
    actions.stop(alice)
    rig.work()
    rig.tick(2)
    change_size(alice, "m7i.8xlarge")
    actions.start(alice)
    rig.work()
    assert alarm_of(rig, instance).rule == IdleRule(30, 0.3125), "before it runs"


def test_a_type_that_was_changed_in_the_console_is_armed_once_the_machine_runs(rig, alice):
    instance = rig.running(alice)
    settled()
    server = rig.cloud.world.ec2_instances[instance.instance_id]
    server.value = replace(server.value, instance_type="c7i.16xlarge")
    rig.tick()
    assert alarm_of(rig, instance).rule == IdleRule(30, 0.1562)


@pytest.mark.parametrize(("kind", "is_armed_again"), [("t3.small", False), ("t3.large", False), ("m7i.4xlarge", True)])
def test_after_an_upgrade_only_types_with_other_than_two_vcpus_are_armed_again(rig, alice, kind, is_armed_again):
    """The version before has armed all of them at 5 % of all vCPUs."""
    instance = rig.running(alice)
    server, shown = rig.cloud.world.ec2_instances[instance.instance_id], rig.cloud.world.alarms[instance.resource_name]
    server.value = replace(server.value, instance_type=kind)
    Instance.objects.update(seen_type=kind, instance_type=kind)
    shown.value = replace(shown.value, rule=IdleRule(30, 5.0))
    Run.objects.update(armed_cpu_percent=5.0)
    settled()
    rig.cloud.calls.clear()
    rig.tick()
    assert rig.cloud.asked("arm") == is_armed_again
    assert rig.mine(alice).is_armed


def test_of_a_long_run_it_is_not_judged_within_15_minutes(rig, alice):
    instance = rig.running(alice)
    settled()
    server = rig.cloud.world.ec2_instances[instance.instance_id]
    server.value = replace(server.value, launched_at=clock.now() - timedelta(hours=5))
    Run.objects.update(armed_at=None)
    rig.tick()
    assert alarm_of(rig, instance).warm_up_minutes == 15


def test_a_wish_is_armed_and_so_is_its_end(rig, alice):
    instance = rig.running(alice)
    Run.objects.update(awake_until=clock.now() + timedelta(hours=4))
    rig.tick()
    assert alarm_of(rig, instance).warm_up_minutes == 240
    Run.objects.update(awake_until=None)
    rig.tick()
    assert alarm_of(rig, instance).warm_up_minutes == 40


@pytest.mark.parametrize("hours", [4, None])
def test_a_wish_that_comes_while_the_alarm_is_put_is_armed_too(rig, alice, hours):
    instance = rig.running(alice)
    wish = hours and clock.now() + timedelta(hours=hours)
    Run.objects.update(awake_until=clock.now() + timedelta(hours=9))
    rig.cloud.meanwhile["arm"] = lambda: Run.objects.update(awake_until=wish)
    rig.tick()
    assert alarm_of(rig, instance).warm_up_minutes == (240 if hours else 40)
    assert rig.mine(alice).error_code == ""


def test_a_wish_ends_with_its_run(rig, alice):
    rig.running(alice)
    Run.objects.update(awake_until=clock.now() + timedelta(hours=4), waived_close=clock.now())
    rig.tick()
    actions.stop(alice)
    rig.work()
    rig.tick(2)
    instance = rig.mine(alice)
    assert (instance.status, instance.kept_awake_until(clock.now())) == ("STOPPED", None)
    actions.start(alice)
    rig.work()
    run = rig.mine(alice).run
    assert (run.awake_until, run.waived_close) == (None, None)
    assert alarm_of(rig, instance).warm_up_minutes == 40


def test_that_it_is_armed_has_been_seen_and_when(rig, alice):
    instance = rig.running(alice)
    assert instance.run.alarm_verified_at is None
    settled()
    before = clock.now()
    rig.tick()
    shown = rig.mine(alice).run.alarm_verified_at
    assert shown >= before
    rig.tick()
    assert rig.mine(alice).run.alarm_verified_at == shown, "not written at each look"


def test_what_was_put_anew_meanwhile_has_not_been_seen(rig, alice):
    rig.running(alice)
    settled()
    rig.cloud.meanwhile["alarms"] = lambda: Run.objects.update(armed_at=clock.now())
    observe.observe_all(rig.cloud)
    assert rig.mine(alice).run.alarm_verified_at is None


def test_of_an_alarm_that_is_gone_nothing_is_said_to_be_seen(rig, alice):
    rig.running(alice)
    settled()
    rig.tick()
    rig.cloud.world.alarms.clear()
    observe.observe_all(rig.cloud)
    assert rig.mine(alice).run.alarm_verified_at is None
