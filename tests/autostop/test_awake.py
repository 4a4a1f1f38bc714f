"""Alice keeps her machine awake: until when she may, how it is armed, and how it ends."""

from datetime import timedelta

import pytest

from ondol import clock
from ondol.autostop import awake
from ondol.cloud.errors import Unreachable
from ondol.instances import actions
from ondol.instances.errors import ActionError
from ondol.instances.models import Instance
from ondol.policy.models import Policy
from ondol.policy.rules import rules_of
from tests.autostop.conftest import kst
from tests.instances.rig import person


def alarm_of(rig, owner):
    return rig.alarm_of(rig.mine(owner)).value


def offered(text):
    return {choice.name: choice.until for choice in awake.choices(rules_of(None), kst(text))}


def refused(action, *args):
    with pytest.raises(ActionError) as refusal:
        action(*args)
    return refusal.value.code, refusal.value.status


def test_it_is_armed_until_then_and_no_longer(rig, alice):
    rig.running(alice)
    awake.keep_awake(alice, kst("Tue 09:00"))
    rig.work()
    armed = rig.mine(alice)
    assert armed.run.armed_at + timedelta(minutes=armed.run.warm_up_minutes) >= kst("Tue 09:00")
    assert alarm_of(rig, alice).warm_up_minutes == armed.run.warm_up_minutes == 21 * 60


def test_ended_early_it_may_be_stopped_after_15_minutes_and_its_first_window(rig, at, alice):
    rig.running(alice)
    awake.keep_awake(alice, kst("Tue 09:00"))
    rig.work()
    at("Mon 18:00")
    awake.end_awake(alice)
    awake.end_awake(alice)
    rig.work()
    assert alarm_of(rig, alice).warm_up_minutes == 15


def test_a_later_wish_replaces_an_earlier_one(rig, alice):
    rig.running(alice)
    for until in ("Tue 09:00", "Mon 16:00"):
        awake.keep_awake(alice, kst(until))
        rig.work()
    assert alarm_of(rig, alice).warm_up_minutes == 240


def test_while_aws_is_away_the_wish_is_kept_and_armed_later(rig, alice):
    rig.running(alice)
    rig.cloud.next_error["arm"] = [Unreachable("timeout")] * 2
    awake.keep_awake(alice, kst("Mon 16:00"))
    rig.work()
    assert not rig.mine(alice).is_armed
    rig.tick(3)
    assert (rig.mine(alice).is_armed, alarm_of(rig, alice).warm_up_minutes) == (True, 240)


def test_asked_for_while_it_is_made_or_started_it_holds_from_its_first_alarm_on(rig, alice):
    actions.create(alice)
    awake.keep_awake(alice, kst("Mon 20:00"))
    rig.work()
    assert alarm_of(rig, alice).warm_up_minutes == 480
    rig.tick(2)
    actions.stop(alice)
    rig.work()
    rig.tick(2)
    actions.start(alice)
    awake.keep_awake(alice, kst("Mon 14:00"))
    rig.work()
    assert alarm_of(rig, alice).warm_up_minutes == 120


def test_a_time_must_be_ahead_and_within_the_cap(rig, alice):
    rig.running(alice)
    assert refused(awake.keep_awake, alice, kst("Mon 11:59")) == ("in_the_past", 422)
    assert refused(awake.keep_awake, alice, kst("Tue 12:01")) == ("too_long", 422)
    assert rig.mine(alice).run.awake_until is None
    Policy.objects.create(owner=alice, awake_hours=47)
    awake.keep_awake(alice, kst("Wed 10:59"))
    Policy.objects.update(awake_hours=0)
    assert refused(awake.keep_awake, alice, kst("Mon 13:00")) == ("not_allowed", 403)


def test_only_what_runs_or_will_can_be_kept_awake(rig, alice, bob):
    assert refused(awake.keep_awake, bob, kst("Mon 13:00")) == ("no_machine", 404)
    rig.running(alice)
    actions.stop(alice)
    rig.work()
    rig.tick(2)
    assert refused(awake.keep_awake, alice, kst("Mon 13:00")) == ("not_running", 409)


def test_nobody_who_is_not_approved_wishes_anything(rig, alice):
    rig.running(alice)
    type(alice).objects.update(approval="SUSPENDED")
    for action in (awake.end_awake, awake.not_tonight, awake.tonight_after_all):
        assert refused(action, alice) == ("not_approved", 403)


@pytest.mark.django_db
def test_the_page_offers_an_hour_four_this_evening_and_tomorrow_morning():
    assert offered("Mon 12:00") == {
        "1h": kst("Mon 13:00"), "4h": kst("Mon 16:00"), "18": kst("Mon 18:00"), "9": kst("Tue 09:00")
    }  # fmt: skip


@pytest.mark.django_db
def test_what_is_over_or_beyond_the_cap_is_not_offered():
    assert list(offered("Mon 18:00")) == ["1h", "4h", "9"]
    assert list(offered("Mon 08:59")) == ["1h", "4h", "18"]
    assert offered("Tue 00:18") == {
        "1h": kst("Tue 01:18"), "4h": kst("Tue 04:18"), "9": kst("Tue 09:00"), "18": kst("Tue 18:00")
    }  # fmt: skip
    assert list(offered("Tue 00:18")) == ["1h", "4h", "9", "18"]
    assert list(offered("Tue 08:00")) == ["1h", "4h", "18"], "09:00 is what the hour says"
    Policy.objects.create(owner=None, awake_hours=2)
    assert list(offered("Mon 17:00")) == ["1h", "18"]
    Policy.objects.update(awake_hours=0)
    assert offered("Mon 17:00") == {}


def test_a_choice_that_is_over_meanwhile_is_refused(rig, at, alice):
    rig.running(alice)
    at("Mon 18:01")
    assert refused(awake.choose, alice, "18") == ("not_offered", 422)
    awake.choose(alice, "1h")
    assert abs(rig.mine(alice).run.awake_until - clock.now() - timedelta(hours=1)) < timedelta(seconds=1)


def test_each_keeps_awake_her_own(rig, alice):
    rig.running(alice)
    bob = person("bob")
    rig.running(bob)
    awake.keep_awake(bob, kst("Mon 16:00"))
    assert Instance.objects.get(run__awake_until__isnull=False).owner == bob


def test_an_expired_wish_leaves_the_alarm_alone(rig, at, alice):
    rig.running(alice)
    awake.keep_awake(alice, kst("Mon 13:00"))
    rig.work()
    rig.tick()
    at("Mon 13:30")
    rig.cloud.calls.clear()
    rig.tick(2)
    assert rig.cloud.asked("arm") == 0
