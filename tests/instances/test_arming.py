"""What a machine's alarm says: its owner's rule and request, whatever happens meanwhile."""

from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest

from ondol import clock
from ondol.cloud.errors import Quota, Refused, Throttled, Unreachable
from ondol.cloud.port import IdleRule
from ondol.config import config
from ondol.instances import actions
from ondol.instances.models import Instance, Run
from ondol.instances.resizing import change_size
from ondol.policy.models import Policy
from ondol.reconciler import observe, orphans
from ondol.reconciler.reconcile import reconcile
from ondol.testing.fake import Lost
from tests.instances.rig import person


def settled():
    """The alarm was put some time ago, so that looks may trust what they are shown."""
    Run.objects.update(armed_at=clock.now() - timedelta(seconds=90))


def alarm_of(rig, instance):
    return rig.alarm_of(instance).value


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


# --- two names in turn ------------------------------------------------------------------------------------------------
def asked_about_alarms(rig):
    """What was asked about alarms since the last time, in its order."""
    asked = [call.operation for call in rig.cloud.calls if call.operation in {"arm", "alarms", "delete_alarm"}]
    rig.cloud.calls.clear()
    return asked


def wish(hours=4):
    Run.objects.update(awake_until=clock.now() + timedelta(hours=hours))


def test_the_next_alarm_is_there_before_the_last_one_goes_and_it_takes_three_calls(rig, alice):
    first = rig.running(alice)
    asked_about_alarms(rig)
    there = []
    rig.cloud.meanwhile["delete_alarm"] = lambda: there.extend(rig.cloud.world.alarms)
    wish()
    rig.work_on(first)
    then = rig.mine(alice)
    assert (first.alarm_name, then.alarm_name) == first.alarm_names
    assert sorted(there) == sorted(first.alarm_names)
    assert asked_about_alarms(rig) == ["arm", "alarms", "delete_alarm"]
    assert (list(rig.cloud.world.alarms), then.has_other_alarm) == ([then.alarm_name], False)
    wish(5)
    rig.work_on(first)
    assert rig.mine(alice).alarm_name == first.alarm_name
    assert asked_about_alarms(rig) == ["arm", "alarms", "delete_alarm"]


@pytest.mark.parametrize("error", [Throttled("Throttling"), Refused("AccessDenied")])
def test_while_the_next_alarm_is_refused_the_last_one_stays(rig, alice, error):
    instance = rig.running(alice)
    before = alarm_of(rig, instance)
    rig.cloud.next_error["arm"] = [error] * 3
    wish()
    rig.tick(3)
    assert (alarm_of(rig, instance), rig.mine(alice).is_armed) == (before, False)
    rig.tick()
    assert (alarm_of(rig, instance).warm_up_minutes, rig.mine(alice).is_armed) == (240, True)


@pytest.mark.parametrize("operation", ["arm", "delete_alarm"])
def test_an_answer_that_is_lost_leaves_one_alarm_that_says_what_she_wishes(rig, alice, operation):
    instance = rig.running(alice)
    rig.cloud.next_error[operation] = [Lost(Unreachable("RequestTimeout"))]
    wish()
    rig.tick(2)
    assert alarm_of(rig, instance).warm_up_minutes == 240


def test_of_two_alarms_the_one_that_is_all_there_is_stays_until_another_is_put(rig, alice):
    """The answer to the next one was lost, and then somebody deletes the last one in the console."""
    instance = rig.running(alice)
    rig.cloud.next_error["arm"] = [Lost(Unreachable("RequestTimeout")), Throttled("Throttling")]
    wish()
    rig.work_on(instance)
    del rig.cloud.world.alarms[instance.alarm_name]
    left = alarm_of(rig, instance)
    rig.tick()
    assert alarm_of(rig, instance) == left, "the second try was refused"
    rig.tick()
    assert alarm_of(rig, instance).warm_up_minutes == 240


def stopped(rig, alice):
    instance = rig.running(alice)
    actions.stop(alice)
    rig.work()
    rig.tick()
    return instance


def test_a_machine_starts_only_when_the_alarm_of_its_last_run_is_gone(rig, alice):
    instance = stopped(rig, alice)
    rig.cloud.next_error["delete_alarm"] = [Throttled("Throttling")] * 2
    actions.start(alice)
    rig.work()
    assert (rig.cloud.asked("start"), len(rig.cloud.world.alarms)) == (0, 2)
    rig.tick(3)
    assert rig.mine(alice).status == "RUNNING"
    assert alarm_of(rig, instance).state == "INSUFFICIENT_DATA"


def test_where_the_account_has_no_room_for_two_alarms_a_machine_at_rest_starts_all_the_same(rig, alice):
    stopped(rig, alice)
    rig.cloud.next_error["arm"] = [Quota("LimitExceeded")]
    actions.start(alice)
    rig.work()
    assert (rig.cloud.asked("start"), len(rig.cloud.world.alarms)) == (1, 1)


def test_where_the_account_has_no_room_for_two_alarms_what_is_kept_awake_is_not_stopped(rig, alice, machines_clock):
    """The alarm that runs may not act until the wish is over, and then one that does takes its place."""
    instance = rig.running(alice)
    rig.cloud.world.alarm_quota = 1
    wish(4)
    rig.tick(2)
    kept, run = rig.mine(alice), rig.mine(alice).run
    assert (alarm_of(rig, kept).is_muted, kept.is_armed, run.muted_until >= run.awake_until) == (True, True, True)
    settled()
    rig.tick(2)
    assert (kept.alarm_name, alarm_of(rig, kept).is_muted) == (instance.alarm_name, True)
    machines_clock.advance(timedelta(hours=5))
    rig.tick(2)
    assert (alarm_of(rig, instance).is_muted, len(rig.cloud.world.alarms)) == (False, 1)


@pytest.mark.parametrize("has_room_again", [False, True])
def test_a_muting_whose_answer_is_lost_is_made_good(rig, alice, machines_clock, has_room_again):
    instance = rig.running(alice)
    rig.cloud.next_error["arm"] = [Quota("LimitExceeded"), Lost(Unreachable("RequestTimeout"))]
    wish(4)
    rig.work_on(instance)
    assert (rig.mine(alice).is_armed, alarm_of(rig, instance).is_muted) == (False, True)
    if not has_room_again:
        rig.cloud.world.alarm_quota = 1
    rig.tick(3)
    assert (rig.mine(alice).is_armed, alarm_of(rig, instance).is_muted) == (True, not has_room_again)
    machines_clock.advance(timedelta(hours=5))
    rig.tick(2)
    assert (alarm_of(rig, instance).is_muted, len(rig.cloud.world.alarms)) == (False, 1)


def test_where_the_account_has_no_room_for_two_alarms_another_rule_waits(rig, alice):
    instance = rig.running(alice)
    before = alarm_of(rig, instance)
    rig.cloud.world.alarm_quota = 1
    Policy.objects.create(owner=None, idle_minutes=60)
    Run.objects.update(armed_at=None)
    rig.tick(2)
    assert (alarm_of(rig, instance), rig.mine(alice).is_armed) == (before, False)


def test_a_second_alarm_that_nobody_knows_of_goes_at_the_next_look(rig, alice):
    """Such as of a worker that was frozen while it put it, and went on after another had done so."""
    instance = rig.running(alice)
    late = replace(alarm_of(rig, instance), name=instance.other_alarm_name)
    rig.cloud.world.alarms[late.name] = replace(rig.alarm_of(instance), value=late)
    settled()
    rig.tick()
    assert list(rig.cloud.world.alarms) == [instance.alarm_name]


def test_a_second_alarm_of_a_machine_at_rest_goes_with_the_sweep(rig, alice, machines_clock):
    instance = stopped(rig, alice)
    late = replace(alarm_of(rig, instance), name=instance.other_alarm_name)
    rig.cloud.world.alarms[late.name] = replace(rig.alarm_of(instance), value=late)
    for _ in range(2):
        orphans.sweep(rig.cloud)
        rig.work()
        machines_clock.advance(timedelta(minutes=10))
    assert list(rig.cloud.world.alarms) == [instance.alarm_name]
    assert rig.mine(alice).status == "STOPPED"


def test_the_receipt_is_there_if_the_last_alarm_acts_while_it_is_replaced(rig, alice):
    instance = rig.running(alice)
    rig.cloud.meanwhile["delete_alarm"] = lambda: rig.cloud.world.stop_by_alarm(instance.instance_id)
    wish()
    rig.tick(4)
    row = rig.mine(alice)
    assert (row.status, row.status_reason, row.run.end_reason) == ("STOPPED", "IDLE", "IDLE")


def test_who_deletes_the_last_alarm_asks_just_before_whether_the_job_is_still_theirs(rig, alice):
    instance, asked = rig.running(alice), []
    rig.cloud.meanwhile = {name: partial(asked.append, name) for name in ("arm", "delete_alarm")}
    wish()
    reconcile(str(instance.pk), rig.cloud, lambda: asked.append("still ours?"))
    between = asked[asked.index("arm") + 1 : asked.index("delete_alarm")]
    assert between == ["still ours?"] * 4, "twice when it is recorded, once for the plan, and once more"


def test_an_alarm_that_was_put_without_an_answer_is_no_start_for_the_next_try(rig, alice):
    """Meanwhile it may have judged, and one that is put again under its name keeps its state: it would never act."""
    instance = rig.running(alice)
    rig.cloud.next_error["arm"] = [Lost(Unreachable("RequestTimeout"))]
    wish()
    rig.work_on(instance)
    lost = rig.cloud.world.alarms[instance.other_alarm_name]
    lost.value = replace(lost.value, state="ALARM")
    rig.tick()
    assert (alarm_of(rig, instance).name, alarm_of(rig, instance).state) == (lost.value.name, "INSUFFICIENT_DATA")
