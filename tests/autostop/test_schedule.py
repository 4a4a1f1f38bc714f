"""Allowed hours: who is stopped at closing time, who is not, and why."""

from datetime import time

import pytest
from procrastinate.contrib.django.models import ProcrastinateJob

from ondol.autostop import awake, schedule
from ondol.autostop.policies import set_policy
from ondol.cloud.errors import Unreachable
from ondol.instances import actions
from ondol.instances.errors import ActionError
from ondol.instances.jobs import RECONCILE
from ondol.instances.models import Run, StatusChange
from ondol.policy.catalog import stored_fields
from ondol.policy.models import Policy
from tests.autostop.conftest import kst


@pytest.fixture
def hours(db):
    """Return default hours: workdays from 9 to 22."""
    return Policy.objects.create(
        owner=None, has_hours=True, opens_at=time(9), closes_at=time(22), weekends=False, zone="Asia/Seoul"
    )


def passes(rig):
    schedule.check()
    rig.work()
    rig.tick(2)


def status(rig, owner):
    row = rig.mine(owner)
    return row.status, row.status_reason


def test_what_runs_at_closing_time_is_stopped_and_says_why(rig, at, hours, alice):
    rig.running(alice)
    at("Mon 21:59")
    passes(rig)
    assert status(rig, alice) == ("RUNNING", "DONE")
    at("Mon 22:00")
    passes(rig)
    assert status(rig, alice) == ("STOPPED", "SCHEDULE")
    change = StatusChange.objects.get(new="STOPPING")
    assert (change.reason, change.by) == ("SCHEDULE", None)


def test_hours_that_are_over_already_when_they_are_set_leave_a_quarter_of_an_hour(rig, at, alice, ada):
    rig.running(alice)
    at("Mon 23:00")
    closed = {"has_hours": True, "opens_at": time(9), "closes_at": time(22), "weekends": False}
    set_policy(None, ada, dict.fromkeys(stored_fields()) | {"zone": "Asia/Seoul", "why": ""} | closed)
    for minute in ("23:00", "23:14"):
        at(f"Mon {minute}")
        passes(rig)
        assert status(rig, alice)[0] == "RUNNING"
    at("Mon 23:16")
    passes(rig)
    assert status(rig, alice) == ("STOPPED", "SCHEDULE")


def test_a_click_after_closing_time_leaves_a_quarter_of_an_hour(rig, at, hours, alice):
    rig.running(alice)
    awake.not_tonight(alice)
    awake.keep_awake(alice, kst("Tue 01:00"))
    at("Mon 23:00")
    awake.tonight_after_all(alice)
    awake.end_awake(alice)
    passes(rig)
    at("Mon 23:14")
    awake.end_awake(alice)  # twice is once
    passes(rig)
    assert status(rig, alice)[0] == "RUNNING"
    at("Mon 23:16")
    passes(rig)
    assert status(rig, alice) == ("STOPPED", "SCHEDULE")


def test_a_worker_that_was_down_at_closing_time_stops_it_later(rig, at, hours, alice):
    rig.running(alice)
    at("Tue 03:00")
    passes(rig)
    assert status(rig, alice) == ("STOPPED", "SCHEDULE")


def test_but_not_once_the_hours_have_begun_again(rig, at, hours, alice):
    rig.running(alice)
    at("Tue 09:00")
    passes(rig)
    assert status(rig, alice)[0] == "RUNNING"


def test_whoever_starts_it_at_night_is_left_alone_until_the_next_closing_time(rig, at, hours, alice):
    rig.running(alice)
    at("Mon 22:00")
    passes(rig)
    at("Mon 23:00")
    actions.start(alice)
    rig.work()
    rig.tick(2)
    at("Tue 04:00")
    passes(rig)
    assert status(rig, alice)[0] == "RUNNING"
    at("Tue 22:00")
    passes(rig)
    assert status(rig, alice) == ("STOPPED", "SCHEDULE")


def test_not_tonight_is_of_tonight_alone(rig, at, hours, alice):
    rig.running(alice)
    awake.not_tonight(alice)
    at("Tue 03:00")
    passes(rig)
    assert status(rig, alice)[0] == "RUNNING"
    at("Tue 22:00")
    passes(rig)
    assert status(rig, alice) == ("STOPPED", "SCHEDULE")


def test_tonight_after_all(rig, at, hours, alice):
    rig.running(alice)
    awake.not_tonight(alice)
    awake.tonight_after_all(alice)
    at("Mon 22:00")
    passes(rig)
    assert status(rig, alice) == ("STOPPED", "SCHEDULE")


def test_kept_awake_beyond_closing_time_it_stops_then(rig, at, hours, alice):
    rig.running(alice)
    awake.keep_awake(alice, kst("Mon 23:30"))
    rig.work()
    at("Mon 23:29")
    passes(rig)
    assert status(rig, alice)[0] == "RUNNING"
    at("Mon 23:30")
    passes(rig)
    assert status(rig, alice) == ("STOPPED", "SCHEDULE")


def test_kept_awake_over_the_night_it_stops_the_evening_after(rig, at, hours, alice):
    rig.running(alice)
    awake.keep_awake(alice, kst("Tue 09:00"))
    close = schedule.closing(rig.mine(alice), schedule.rules_for([])[None].hours, kst("Mon 12:00"))
    assert (close.at, close.stops_at) == (kst("Tue 22:00"), kst("Tue 22:00"))
    at("Tue 09:00")
    passes(rig)
    assert status(rig, alice)[0] == "RUNNING"


def test_not_tonight_said_after_closing_time_is_of_this_night(rig, at, hours, alice):
    rig.running(alice)
    awake.keep_awake(alice, kst("Mon 23:30"))
    at("Mon 23:00")
    awake.not_tonight(alice)
    assert rig.mine(alice).run.waived_close == kst("Mon 22:00")
    at("Tue 01:00")
    passes(rig)
    assert status(rig, alice)[0] == "RUNNING"


def test_a_click_while_the_worker_has_decided_is_heard(rig, at, hours, alice, monkeypatch):
    rig.running(alice)
    at("Mon 21:59")
    due = schedule.is_due

    def clicked(instance, **said):
        verdict = due(instance, **said)
        Run.objects.update(waived_close=kst("Mon 22:00"))
        return verdict

    at("Mon 22:00")
    monkeypatch.setattr(schedule, "is_due", clicked)
    passes(rig)
    assert status(rig, alice)[0] == "RUNNING"


def test_it_is_asked_again_until_aws_stops_it(rig, at, hours, alice):
    rig.running(alice)
    at("Mon 22:00")
    rig.cloud.next_error["stop"] = [Unreachable("timeout")] * 2
    passes(rig)
    rig.tick(3)
    assert status(rig, alice) == ("STOPPED", "SCHEDULE")


def test_own_hours_come_before_everybodys(rig, at, hours, alice, bob):
    Policy.objects.create(owner=bob, has_hours=False)
    rig.running(alice)
    rig.running(bob)
    at("Mon 22:00")
    passes(rig)
    assert (status(rig, alice)[0], status(rig, bob)[0]) == ("STOPPED", "RUNNING")


def test_where_nobody_has_hours_it_is_one_question(rig, at, alice, django_assert_num_queries):
    rig.running(alice)
    with django_assert_num_queries(1):
        schedule.check()
    assert not ProcrastinateJob.objects.filter(task_name=RECONCILE).exists()


def test_without_hours_there_is_nothing_to_waive(rig, alice):
    rig.running(alice)
    with pytest.raises(ActionError) as refusal:
        awake.not_tonight(alice)
    assert refusal.value.code == "no_hours"
