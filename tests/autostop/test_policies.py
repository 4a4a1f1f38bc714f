"""A changed rule applies at once to running machines, in AWS too."""

import pytest
from procrastinate.contrib.django.models import ProcrastinateJob

from ondol.autostop import awake
from ondol.autostop.policies import set_policy
from ondol.cloud.port import IdleRule
from ondol.instances import actions
from ondol.instances.jobs import enqueue
from ondol.instances.models import Instance
from ondol.instances.states import Reason
from ondol.policy.catalog import stored_fields
from ondol.policy.models import PolicyChange
from tests.autostop.conftest import kst
from tests.queued import own_arguments

NOTHING = dict.fromkeys(stored_fields()) | {"weekends": True, "zone": "", "why": ""}


def alarm_of(rig, owner):
    return rig.alarm_of(rig.mine(owner)).value


def test_without_waiting_for_a_look_a_machine_that_runs_is_armed_by_the_new_rule(rig, at, alice, ada):
    rig.running(alice)
    at("Mon 15:00")
    set_policy(None, ada, NOTHING | {"idle_minutes": 60, "idle_core_percent": 5})
    rig.work()
    assert (alarm_of(rig, alice).rule, alarm_of(rig, alice).warm_up_minutes) == (IdleRule(60, 2.5), 15)
    assert rig.mine(alice).run.armed_idle_minutes == 60


def test_a_wish_holds_through_a_change_of_rules(rig, alice, ada):
    rig.running(alice)
    awake.keep_awake(alice, kst("Mon 20:00"))
    rig.work()
    set_policy(alice, ada, NOTHING | {"idle_minutes": 15})
    rig.work()
    assert (alarm_of(rig, alice).rule.minutes, alarm_of(rig, alice).warm_up_minutes) == (15, 480)


def test_a_smaller_cap_breaks_no_promise(rig, alice, ada):
    rig.running(alice)
    awake.keep_awake(alice, kst("Mon 20:00"))
    set_policy(None, ada, NOTHING | {"awake_hours": 1})
    rig.work()
    assert rig.mine(alice).run.awake_until == kst("Mon 20:00")
    assert alarm_of(rig, alice).warm_up_minutes == 480


def clicked(machine):
    actions.stop(machine.owner)


@pytest.mark.parametrize("news", [clicked, enqueue])
def test_neither_a_click_nor_news_waits_behind_the_machines_of_a_new_rule(rig, alice, bob, ada, news):
    """CloudWatch takes three alarms a second: a thousand machines are five minutes."""
    for owner in (alice, bob, ada):
        rig.running(owner)
    set_policy(None, ada, NOTHING | {"idle_minutes": 60})
    waiting = ProcrastinateJob.objects.filter(status="todo", queue_name="instances").order_by("-priority", "id")
    *_, last = (own_arguments(job)["row"] for job in waiting.all())
    news(Instance.objects.get(pk=last))
    assert [own_arguments(job)["row"] for job in waiting.all()].index(last) == 0
    assert waiting.count() == 3


def test_nobody_who_clicks_waits_behind_machines_whose_hours_are_over(rig, alice, bob):
    for owner in (alice, bob):
        rig.running(owner)
    assert actions.stop_by_rule(alice, Reason.SCHEDULE, still=lambda _: True)
    actions.stop(bob)
    first = ProcrastinateJob.objects.filter(status="todo", queue_name="instances").order_by("-priority", "id").first()
    assert own_arguments(first)["row"] == str(rig.mine(bob).pk)


def test_of_rules_that_change_while_an_alarm_is_put_the_last_holds(rig, alice, ada, monkeypatch):
    rig.running(alice)
    set_policy(None, ada, NOTHING | {"idle_minutes": 70})
    put = rig.cloud.arm

    def put_meanwhile(*alarm, **how):
        set_policy(None, ada, NOTHING)
        put(*alarm, **how)

    monkeypatch.setattr(rig.cloud, "arm", put_meanwhile)
    rig.work()
    assert alarm_of(rig, alice).rule == IdleRule(30, 5.0)
    assert rig.mine(alice).run.armed_idle_minutes == 30


def test_back_to_nothing_is_back_to_what_is_installed(rig, alice, ada):
    rig.running(alice)
    for minutes in (60, None):
        set_policy(None, ada, NOTHING | {"idle_minutes": minutes})
        rig.work()
    assert alarm_of(rig, alice).rule == IdleRule(30, 5.0)


@pytest.mark.parametrize("what", ["stopped", "own"])
def test_whom_it_does_not_concern_is_left_alone(rig, alice, ada, what):
    rig.running(alice)
    if what == "stopped":
        actions.stop(alice)
        rig.work()
        rig.tick(2)
    else:
        set_policy(alice, ada, NOTHING | {"idle_minutes": 30})
    rig.cloud.calls.clear()
    set_policy(None, ada, NOTHING | {"idle_minutes": 60})
    rig.work()
    assert rig.cloud.asked("arm") == 0


def test_the_same_again_is_no_change(alice, ada):
    assert set_policy(alice, ada, NOTHING | {"awake_hours": 8})
    assert not set_policy(alice, ada, NOTHING | {"awake_hours": 8})
    assert PolicyChange.objects.get().what == {"awake_hours": [None, 8]}
