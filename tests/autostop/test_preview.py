"""What a change of rules would have done, from what the database keeps: whose machines count, and what is told."""

from datetime import time, timedelta

import pytest
from django.db import connection
from django.db.models.signals import post_init
from django.test.utils import CaptureQueriesContext

from ondol import clock
from ondol.audit.actions import Action
from ondol.audit.record import write
from ondol.autostop import preview as previews
from ondol.autostop.forecast import PERIOD
from ondol.autostop.models import CpuReading
from ondol.autostop.policies import proposed
from ondol.autostop.preview import preview
from ondol.instances.models import Run
from ondol.instances.states import Reason, Status
from ondol.policy.catalog import stored_fields
from ondol.policy.models import Policy, PolicyChange
from tests.autostop.conftest import kst
from tests.instances.rig import made, person

NOTHING = dict.fromkeys(stored_fields()) | {"weekends": True, "zone": "", "why": ""}


@pytest.fixture
def machine(db, at):
    """Return a function that makes somebody's machine, whose runs were on Monday; now it is Tuesday noon."""
    at("Tue 12:00")

    def make(owner, *runs, **fields):
        row = made(owner, status=Status.STOPPED, status_reason=Reason.IDLE, **fields)
        for since, until, why, *work in runs:
            began = kst(f"Mon {since}")
            ended = kst(f"Mon {until}") if until else None
            Run.objects.create(instance=row, began_at=began, launched_at=began, ended_at=ended, end_reason=why)
            worked = [(kst(f"Mon {a}"), kst(f"Mon {b}")) for a, b in (span.split("-") for span in work)]
            moment = began
            while moment < (ended or clock.now()):
                percent = 40 if any(a <= moment < b for a, b in worked) else 0.5
                CpuReading.objects.create(instance=row, at=moment, percent=percent)
                moment += PERIOD
        return row

    return make


def seen(owner=None, **values):
    policy, _changed = proposed(owner, NOTHING | values)
    return preview(policy)


def numbers(totals):
    return totals.idle, totals.closing, totals.interrupting, round(totals.hours * 60)


BREAK = ("09:00", "11:25", Reason.IDLE, "09:00-09:30", "10:20-10:50")
"""A run with 50 idle minutes in it."""


def test_a_shorter_window_for_everybody(machine, alice):
    machine(alice, BREAK)
    Policy.objects.create(owner=None, idle_minutes=60)
    found = seen(idle_minutes=30)
    assert numbers(found.now) == (1, 0, 0, 171)
    assert numbers(found.then) == (2, 0, 1, 122)
    assert [(one.owner, one.at) for one in found.interruptions] == [(alice, kst("Mon 10:01"))]
    assert (found.machines, found.replayed, found.runs) == (1, 1, 1)
    assert set(found.then.ran) == {"t3.small"}


def test_whoever_has_a_rule_of_their_own_is_not_concerned_by_everybodys(machine, alice, bob):
    machine(alice, BREAK)
    machine(bob, BREAK)
    Policy.objects.create(owner=None, idle_minutes=60)
    Policy.objects.create(owner=bob, idle_minutes=120)
    assert [one.owner for one in seen(idle_minutes=30).interruptions] == [alice]
    found = seen(bob, idle_minutes=30)
    assert [one.owner for one in found.interruptions] == [bob]


def test_what_bob_inherits_is_what_he_gets_back(machine, bob):
    machine(bob, BREAK)
    Policy.objects.create(owner=bob, idle_minutes=120)
    found = seen(bob)
    assert (numbers(found.now), numbers(found.then)) == ((1, 0, 0, 231), (2, 0, 1, 122))


def test_rules_about_other_things_concern_no_stops(machine, alice):
    machine(alice, BREAK)
    found = seen(starts_a_day=3, why="Save.")
    assert (found.is_about_stops, found.runs) == (False, 0)


def test_hours_stop_a_machine_at_work_and_the_notice_of_new_ones_does_not_count(machine, alice):
    machine(alice, ("16:00", "19:35", Reason.IDLE, "16:00-19:00"))
    found = seen(has_hours=True, opens_at=time(9), closes_at=time(18), zone="Asia/Seoul")
    assert numbers(found.now) == (1, 0, 0, 211)
    assert numbers(found.then) == (1, 1, 1, 211)
    assert [one.is_closing for one in found.interruptions] == [True]


def test_a_stop_by_hours_is_none_by_rules_without_hours(machine, alice):
    machine(alice, ("16:00", "18:00", Reason.SCHEDULE, "16:00-18:00"))
    Policy.objects.create(owner=None, has_hours=True, opens_at=time(9), closes_at=time(18), zone="Asia/Seoul")
    found = seen(has_hours=False)
    assert numbers(found.now) == (0, 1, 1, 120)
    assert numbers(found.then) == (1, 0, 0, 151), "as if it had idled on from 18:00"


@pytest.mark.parametrize(("hours", "minutes"), [(24, 240), (2, 140), (0, 61)])
def test_less_keeping_awake_stops_sooner(machine, alice, at, hours, minutes):
    row = machine(alice, ("09:00", "13:05", Reason.IDLE, "09:00-09:30"))
    at("Mon 09:20")
    write(Action.MACHINE_AWAKE, by=alice, on=alice, machine=str(row.pk), until=kst("Mon 13:00").isoformat())
    at("Tue 12:00")
    found = seen(awake_hours=hours, idle_core_percent=10.1)
    assert numbers(found.now) == (1, 0, 0, 240)
    assert numbers(found.then) == (1, 0, 0, minutes)


def test_a_closing_time_that_was_waived_stays_so(machine, alice, at):
    row = machine(alice, ("16:00", "19:35", Reason.IDLE, "16:00-19:00"))
    at("Mon 17:00")
    write(Action.MACHINE_HOURS, by=alice, on=alice, machine=str(row.pk), waived=kst("Mon 18:00").isoformat())
    at("Tue 12:00")
    found = seen(has_hours=True, opens_at=time(9), closes_at=time(18), zone="Asia/Seoul")
    assert numbers(found.then) == (1, 0, 0, 211)


@pytest.mark.parametrize(
    "junk", ["soon", "2031-01-06T13:00", "", "\ud7ff", 7, -1.5, True, None, [], {"a": 1}, "9" * 400]
)
@pytest.mark.parametrize(("action", "name"), [(Action.MACHINE_AWAKE, "until"), (Action.MACHINE_HOURS, "waived")])
def test_a_row_of_the_record_that_tells_no_time_ends_no_preview(machine, alice, at, action, name, junk):
    row = machine(alice, ("09:00", "13:05", Reason.IDLE, "09:00-09:30"))
    at("Mon 09:20")
    write(action, by=alice, on=alice, **{"machine": str(row.pk), name: junk})
    write(action, by=alice, on=alice, **{"machine": junk, name: kst("Mon 13:00").isoformat()})
    at("Tue 12:00")
    assert seen(awake_hours=2, idle_core_percent=10.1).replayed == 1


def test_the_threshold_is_that_of_each_machines_type(machine, alice, bob):
    """Both machines have worked with 40 %; 90 % of one core are 45 % of two vCPUs, and 11 % of eight."""
    machine(alice, BREAK, instance_type="m7i.2xlarge")
    machine(bob, BREAK, instance_type="t3.small")
    found = preview(Policy(idle_core_percent=90))
    assert numbers(found.now) == (4, 0, 2, 244)
    assert [(one.owner, one.at) for one in found.interruptions] == [(alice, kst("Mon 10:01"))]
    assert found.then.ran == {"m7i.2xlarge": 122 * 60, "t3.small": 40 * 60}


def test_what_is_work_by_the_present_rules_alone_is_interrupted_all_the_same(machine, alice):
    machine(alice, ("09:00", "12:00", Reason.PERSON, "09:00-12:00"))
    found = preview(Policy(idle_core_percent=90))
    assert numbers(found.now) == (0, 0, 0, 180)
    assert numbers(found.then) == (1, 0, 1, 40)


def test_readings_that_are_not_there_are_said_and_runs_before_them_do_not_count(machine, alice):
    machine(alice, BREAK)
    row = machine(person("dora"), BREAK)
    long_ago = clock.now() - timedelta(days=20)
    Run.objects.create(instance=row, began_at=long_ago, launched_at=long_ago, ended_at=long_ago + PERIOD)
    found = seen(idle_minutes=15)
    assert (found.is_short, found.since, found.days) == (True, kst("Mon 09:00"), 1)
    assert found.runs == 2


def test_without_readings_there_is_nothing_to_replay(machine, alice):
    machine(alice)
    found = seen(idle_minutes=15)
    assert (found.runs, found.is_about_stops) == (0, True)


def test_more_machines_than_fit_are_a_part_and_said(machine, alice, bob, monkeypatch):
    machine(alice, BREAK)
    machine(bob, BREAK)
    monkeypatch.setattr(previews, "_MOST_PERIODS", 40)
    found = seen(idle_minutes=15)
    assert (found.machines, found.replayed, found.runs, found.is_part) == (2, 1, 1, True)


def test_of_machines_that_are_not_replayed_no_run_is_read(machine, alice, bob, monkeypatch):
    machine(alice, BREAK)
    machine(bob, BREAK, *[("12:00", "12:00", Reason.IDLE)] * 30)
    read = []
    post_init.connect(note := lambda instance, **_kwargs: read.append(instance), sender=Run)
    monkeypatch.setattr(previews, "_MOST_PERIODS", 40)
    found = seen(idle_minutes=15)
    post_init.disconnect(note, sender=Run)
    assert (found.machines, found.replayed) == (2, 1)
    assert len(read) == found.runs


def test_a_closing_time_that_was_waived_on_friday_evening_is_that_of_monday(machine, alice, at, machines_clock):
    """The readings begin on Monday: so far back, what somebody asked for still counts."""
    row = machine(alice)
    began = kst("Fri 18:02") - timedelta(days=7)
    Run.objects.create(instance=row, began_at=began, launched_at=began)
    moment = kst("Mon 17:00")
    while moment < clock.now():
        CpuReading.objects.create(instance=row, at=moment, percent=40)
        moment += PERIOD
    machines_clock.set(kst("Fri 18:05") - timedelta(days=7))
    write(Action.MACHINE_HOURS, by=alice, on=alice, machine=str(row.pk), waived=kst("Mon 18:00").isoformat())
    at("Tue 12:00")
    hours = {"has_hours": True, "opens_at": time(9), "closes_at": time(18), "zone": "Asia/Seoul"}
    assert seen(**hours | {"weekends": False}).then.closing == 0


@pytest.mark.parametrize(
    ("closes", "when"),
    [
        (time(18), "Tue 18:00"),
        (time(11), "Tue 12:15"),  # over already: not within the first minutes
    ],
)
def test_what_changed_hours_do_to_a_machine_that_runs_is_told(db, at, alice, bob, carol, closes, when):
    at("Tue 10:00")
    for owner in (alice, bob):
        made(owner, status=Status.RUNNING)
    made(carol, status=Status.STOPPED)
    Policy.objects.create(owner=bob, has_hours=False)
    at("Tue 12:00")
    found = seen(has_hours=True, opens_at=time(9), closes_at=closes, zone="Asia/Seoul")
    assert found.running.machines == 1, "that of Bob has hours of its own, Carol's does not run"
    [(stops_at, whose)] = found.running.closing
    assert (stops_at.replace(microsecond=0), whose) == (kst(when), alice)


def test_a_machine_that_runs_and_closes_sooner_already_is_not_stopped_by_later_hours(db, at, alice):
    at("Tue 10:00")
    Policy.objects.create(owner=None, has_hours=True, opens_at=time(9), closes_at=time(18), zone="Asia/Seoul")
    made(alice, status=Status.RUNNING)
    found = seen(has_hours=True, opens_at=time(9), closes_at=time(20), zone="Asia/Seoul")
    assert (found.running.machines, found.running.closing) == (1, [])


def test_a_preview_changes_nothing_and_asks_as_much_for_three_machines_as_for_one(machine, alice, bob, carol):
    asked = []
    for owner in (alice, bob, carol):
        machine(owner, BREAK)
        with CaptureQueriesContext(
            connection,
        ) as queries:
            seen(idle_minutes=15)
        asked.append(len(queries))
        assert all(
            query["sql"].startswith(("SELECT", "DECLARE", "FETCH", "CLOSE", "SAVEPOINT", "RELEASE"))
            for query in queries
        )
    assert asked[0] == asked[2] <= 19, "three of them for the lock"
    assert not Policy.objects.exists()
    assert not PolicyChange.objects.exists()


@pytest.fixture
def carol(db):
    return person("carol")
