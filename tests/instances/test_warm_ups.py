"""Where AWS keeps no warm-ups, nobody is stopped early all the same, everybody is stopped, and administrators know."""

from dataclasses import replace
from datetime import timedelta

import pytest
from django.core import mail
from procrastinate.contrib.django.models import ProcrastinateJob

from ondol import clock
from ondol.cloud.errors import Throttled
from ondol.deployment import alerts
from ondol.deployment.findings import Why, remembered
from ondol.deployment.models import Deployment
from ondol.instances import actions
from ondol.instances.models import Run
from ondol.reconciler import orphans
from ondol.testing.fake_world import acts_on

WHY = {"ignored": Why.WARM_UP_IGNORED, "refused": Why.WARM_UP_REFUSED}


@pytest.fixture(params=["ignored", "refused"])
def no_warm_ups(request, rig):
    rig.cloud.world.warm_ups = request.param
    return request.param


@pytest.fixture
def later(rig, machines_clock):
    """Let minutes pass; the worker looks and works in the first of them and in the last two."""
    machines_clock.set(clock.now())

    def pass_by(minutes):
        for step in filter(None, (min(minutes, 1), max(minutes - 3, 0), min(max(minutes - 1, 0), 2))):
            machines_clock.advance(timedelta(minutes=step))
            rig.tick()

    return pass_by


def acts(rig, instance):
    """Whether an alarm would stop this machine now, if it is idle: without a warm-up it judges within a minute."""
    return any(acts_on(alarm.value, instance.instance_id) for alarm in rig.cloud.world.alarms.values())


def letters():
    return ProcrastinateJob.objects.filter(task_name=alerts.TASK).count()


def what_is_found():
    return [(finding.kind, finding.id, finding.why) for finding in remembered()]


def next_shows(rig, **was):
    """Let the next DescribeAlarms still show alarms as they were."""
    now = rig.cloud.alarms

    def alarms(names=None):
        rig.cloud.alarms = now
        return [replace(alarm, **was) for alarm in now(names)]

    rig.cloud.alarms = alarms


def stopped(rig, owner):
    instance = rig.running(owner)
    actions.stop(owner)
    rig.work()
    rig.tick()
    return instance


# --- protected --------------------------------------------------------------------------------------------------------
def test_a_machine_that_is_made_is_armed_and_stopped_only_after_40_minutes(rig, alice, later, no_warm_ups):
    instance = rig.running(alice)
    assert rig.mine(alice).is_armed
    assert rig.alarm_of(instance).value.is_muted
    later(39)
    assert not acts(rig, instance)
    later(2)
    assert acts(rig, instance)
    assert (rig.mine(alice).is_armed, rig.mine(alice).run.muted_until) == (True, None)
    later(5)
    rig.cloud.world.stop_by_alarm(instance.instance_id)
    rig.tick(2)
    assert rig.mine(alice).status_reason == "IDLE"


def test_no_alarm_acts_when_a_machine_starts_again_though_warm_ups_were_kept_before(rig, alice, later):
    """The last run's idling would be judged within a minute."""
    instance = stopped(rig, alice)
    rig.cloud.world.warm_ups = "ignored"
    rig.cloud.meanwhile["start"] = lambda: at_start.append(acts(rig, instance))
    at_start = []
    actions.start(alice)
    rig.work()
    assert at_start == [False]
    later(39)
    assert not acts(rig, instance)
    later(2)
    assert acts(rig, instance)


def test_an_alarm_that_is_not_shown_yet_at_a_start_is_muted_until_its_warm_up_is_shown(rig, alice, later):
    instance = stopped(rig, alice)
    rig.cloud.lag = 1
    actions.start(alice)
    rig.work()
    rig.cloud.lag = 0
    assert rig.alarm_of(instance).value.is_muted
    later(3)
    assert (rig.mine(alice).is_armed, acts(rig, instance)) == (True, True)
    assert rig.alarm_of(instance).value.warm_up_minutes >= 36
    assert (what_is_found(), letters()) == ([], 0)


def test_who_keeps_a_machine_awake_is_not_stopped_before_and_is_stopped_after(rig, alice, later, no_warm_ups):
    instance = rig.running(alice)
    Run.objects.update(awake_until=clock.now() + timedelta(hours=2))
    rig.tick()
    later(119)
    assert not acts(rig, instance)
    later(3)
    assert acts(rig, instance)


def test_a_warm_up_that_gets_lost_in_mid_run_is_noticed_at_once(rig, alice, later):
    instance = rig.running(alice)
    rig.cloud.world.warm_ups = "ignored"
    Run.objects.update(awake_until=clock.now() + timedelta(hours=2))
    later(1)
    assert not acts(rig, instance)
    assert what_is_found() == [("region", "ap-northeast-2", Why.WARM_UP_IGNORED)]


def test_a_muted_alarm_whose_time_is_over_is_replaced_though_aws_refuses_for_a_while(rig, alice, later, no_warm_ups):
    instance = rig.running(alice)
    later(39)
    rig.cloud.next_error["arm"] = [Throttled("Throttling")] * 3
    later(2)
    assert rig.alarm_of(instance).value.is_muted, "it is there all the time"
    later(3)
    assert acts(rig, instance)


def test_actions_that_somebody_has_turned_off_are_on_again(rig, alice, later):
    instance = rig.running(alice)
    alarm = rig.alarm_of(instance)
    alarm.value = replace(alarm.value, is_muted=True)
    later(2)
    assert acts(rig, instance)


@pytest.mark.parametrize("minutes", [0, 25])
def test_an_alarm_of_before_that_is_still_shown_says_nothing_about_the_region(rig, alice, ada, later, minutes):
    """The names come again and again."""
    instance = stopped(rig, alice)
    next_shows(rig, warm_up_minutes=minutes, configured_at=clock.now() - timedelta(hours=1))
    actions.start(alice)
    rig.work()
    assert (acts(rig, instance), what_is_found()) == (False, [])
    later(3)
    assert (rig.mine(alice).is_armed, acts(rig, instance)) == (True, True)
    assert (rig.alarm_of(instance).value.warm_up_minutes >= 36, what_is_found(), letters()) == (True, [], 0)


# --- over, or ignored? ------------------------------------------------------------------------------------------------
def test_a_warm_up_that_is_over_and_not_shown_any_more_was_kept(rig, alice, later):
    instance = rig.running(alice)
    later(41)
    alarm = rig.alarm_of(instance)
    alarm.value = replace(alarm.value, warm_up_minutes=0)
    rig.cloud.calls.clear()
    later(3)
    assert (rig.cloud.asked("arm"), what_is_found()) == (0, [])


def test_a_warm_up_that_somebody_took_away_is_put_back_and_says_nothing_about_the_region(rig, alice, later):
    instance = rig.running(alice)
    later(10)
    alarm = rig.alarm_of(instance)
    alarm.value = replace(alarm.value, warm_up_minutes=0, configured_at=clock.now())
    later(1)
    assert (rig.alarm_of(instance).value.warm_up_minutes, what_is_found(), letters()) == (29, [], 0)


# --- told -------------------------------------------------------------------------------------------------------------
def test_administrators_know_of_it_at_once_and_once(rig, alice, ada, later, no_warm_ups):
    rig.running(alice)
    assert what_is_found() == [("region", "ap-northeast-2", WHY[no_warm_ups])]
    assert letters() == 1
    for _ in range(4):
        later(5)
        orphans.sweep(rig.cloud)
    assert (len(what_is_found()), letters()) == (1, 1)
    alerts.send("findings", ada)
    assert "region ap-northeast-2" in mail.outbox[0].body


def test_the_finding_goes_when_warm_ups_are_kept_again_and_machines_are_armed_by_them(
    rig, alice, ada, later, no_warm_ups
):
    instance = rig.running(alice)
    rig.cloud.world.warm_ups = "kept"
    later(61)  # what was refused is tried again after an hour
    Run.objects.update(awake_until=clock.now() + timedelta(hours=2))
    later(3)
    alarm = rig.alarm_of(instance).value
    assert (alarm.is_muted, alarm.warm_up_minutes >= 115, what_is_found()) == (False, True, [])
    orphans.sweep(rig.cloud)
    assert what_is_found() == []
    rig.cloud.world.warm_ups = no_warm_ups
    Run.objects.update(awake_until=clock.now() + timedelta(hours=3))
    later(2)
    assert letters() == 2


@pytest.mark.parametrize("is_shown_late", [False, True])
def test_a_warm_up_that_is_lost_before_it_is_shown_is_noticed_at_the_next_look(rig, alice, later, is_shown_late):
    """An alarm that is not shown yet in mid-run is trusted as the last one was, so that it need not be put twice."""
    instance = rig.running(alice)
    assert Deployment.current().get().warm_ups == "kept"
    rig.cloud.world.warm_ups = "ignored" if is_shown_late else "kept"
    Run.objects.update(awake_until=clock.now() + timedelta(hours=2))
    rig.cloud.calls.clear()
    rig.cloud.lag = 1
    rig.work_on(instance)
    assert rig.cloud.asked("arm") == 1
    rig.cloud.lag = 0
    later(1)
    assert acts(rig, instance) is not is_shown_late
    assert rig.alarm_of(instance).value.is_muted is is_shown_late


def test_where_they_are_refused_each_alarm_takes_one_call(rig, alice):
    rig.cloud.world.warm_ups = "refused"
    instance = rig.running(alice)
    Run.objects.update(awake_until=clock.now() + timedelta(hours=2))
    rig.cloud.calls.clear()
    rig.work_on(instance)
    assert rig.cloud.asked("arm") == 1
