"""A machine that downloads is kept on by keep-awake's own mechanism, and stops by its window afterwards."""

from datetime import timedelta

import pytest

from ondol import clock
from ondol.autostop import awake, leases, readings
from ondol.autostop.models import CpuReading, WorkLease
from ondol.autostop.outlook import outlook
from ondol.autostop.policies import set_policy
from ondol.autostop.work import Signal
from ondol.cloud.errors import Throttled
from ondol.cloud.port import Reading
from ondol.instances import actions
from ondol.instances.models import Instance
from ondol.policy.catalog import stored_fields
from ondol.policy.rules import rules_of
from tests.autostop.conftest import kst

MB = 1_000_000
MINUTE = timedelta(minutes=1)
NOTHING = dict.fromkeys(stored_fields()) | {"weekends": True, "zone": "", "why": ""}


@pytest.fixture
def machine(rig, alice):
    """Alice's, which runs since noon."""
    return rig.running(alice)


@pytest.fixture
def passes(rig, machine, at):
    """Let time pass to a moment, as the worker does: `passes("Mon 12:11", *rates)` with MB/s of each 5 minutes."""

    def until(when, *rates, **other):
        found = [
            Reading(kst("Mon 12:00") + 5 * n * MINUTE, 0.5, int(300 * MB * rate), 0, 0, 0)
            for n, rate in enumerate(rates)
        ]
        rig.cloud.world.cpu[machine.instance_id] = found
        at(when)
        readings.collect(rig.cloud)
        leases.check()
        rig.work()
        return Instance.objects.select_related("run").get(pk=machine.pk)

    return until


def alarm_of(rig, row):
    return rig.cloud.world.alarms[row.alarm_name].value


def near(moment, text):
    return abs(moment - kst(text)) < 2 * MINUTE


def test_a_download_is_seen_and_its_machine_held_for_an_hour(rig, machine, passes):
    row = passes("Mon 12:11", 2, 2)
    assert near(row.run.lease_until, "Mon 13:11")
    assert alarm_of(rig, row).warm_up_minutes in {60, 61}
    assert row.is_armed


def test_it_is_renewed_every_20_minutes_and_taken_back_after_a_quarter_of_an_hour(rig, machine, passes):
    passes("Mon 12:11", 2, 2)
    puts = rig.cloud.asked("arm")
    passes("Mon 12:30", *[2] * 5)
    assert rig.cloud.asked("arm") == puts
    row = passes("Mon 12:32", *[2] * 6)
    assert (rig.cloud.asked("arm"), near(row.run.lease_until, "Mon 13:32")) == (puts + 1, True)
    passes("Mon 12:41", *[2] * 6, 0, 0)
    assert rig.cloud.asked("arm") == puts + 1, "a pause"
    row = passes("Mon 12:46", *[2] * 6, 0, 0, 0)
    assert rig.cloud.asked("arm") == puts + 2
    assert near(row.run.lease_until, "Mon 13:04"), "34 minutes after half past"
    assert alarm_of(rig, row).warm_up_minutes in {18, 19}
    passes("Mon 12:56", *[2] * 6, *[0] * 5)
    assert rig.cloud.asked("arm") == puts + 2, "once"


def test_without_work_nothing_is_put(rig, machine, passes):
    puts = rig.cloud.asked("arm")
    row = passes("Mon 12:36", *[0.05] * 7)
    assert (rig.cloud.asked("arm"), row.run.lease_until) == (puts, None)


def test_what_alice_wishes_is_never_shortened(rig, machine, alice, passes, at):
    at("Mon 12:05")
    awake.keep_awake(alice, kst("Mon 18:00"))
    rig.work()
    row = passes("Mon 12:21", 2, 2, 2, 2)
    assert row.run.lease_until is None, "she asked for more"
    row = passes("Mon 17:26", *[2] * 65)
    assert near(row.run.lease_until, "Mon 18:26")
    row = passes("Mon 17:46", *[2] * 65, *[0] * 4)
    assert near(row.run.lease_until, "Mon 17:59")
    minutes = alarm_of(rig, row).warm_up_minutes
    assert row.run.armed_at + minutes * MINUTE >= row.run.awake_until


def test_a_wish_that_alice_ends_leaves_her_lease(rig, machine, alice, passes, at):
    at("Mon 12:05")
    awake.keep_awake(alice, kst("Mon 12:45"))
    rig.work()
    passes("Mon 12:21", 2, 2, 2, 2)
    awake.end_awake(alice)
    rig.work()
    row = passes("Mon 12:22", 2, 2, 2, 2)
    assert row.run.awake_until is None
    assert row.run.armed_at + row.run.warm_up_minutes * MINUTE >= row.run.lease_until > clock.now() + 50 * MINUTE


def test_aws_away_does_not_lose_the_lease(rig, machine, passes):
    rig.cloud.next_error["arm"] = [Throttled("Throttling")]
    row = passes("Mon 12:11", 2, 2)
    assert (row.is_armed, row.run.needs_lease) == (False, True)
    rig.tick()
    row.refresh_from_db()
    assert Instance.objects.get(pk=row.pk).is_armed
    assert alarm_of(rig, row).warm_up_minutes >= 60


def test_the_next_run_begins_without(rig, machine, alice, passes):
    passes("Mon 12:11", 2, 2)
    actions.stop(alice)
    rig.tick(2)
    actions.start(alice)
    rig.tick(3)
    run = rig.mine(alice).run
    assert (run.lease_until, run.armed_lease_until, run.warm_up_minutes) == (None, None, 40)


@pytest.mark.parametrize(
    "rule", [{"network_kbs": 0}, {"network_kbs": 5000}, {"lease_hours": 0}], ids=["off", "higher", "no hours"]
)
def test_a_policy_switches_it_off_for_one_person_and_takes_back_what_was_given(rig, machine, alice, ada, passes, rule):
    passes("Mon 12:11", 2, 2)
    set_policy(alice, ada, NOTHING | rule)
    row = passes("Mon 12:31", *[2] * 5)
    assert not near(row.run.lease_until, "Mon 13:31"), "not renewed"


def test_a_lease_of_hours_that_are_used_up_is_told_as_a_stop(rig, machine, alice, ada, passes):
    set_policy(alice, ada, NOTHING | {"lease_hours": 1})
    passes("Mon 12:11", 2, 2)
    row = passes("Mon 12:58", *[2] * 11)
    seen = outlook(row, rules_of(alice.pk))
    assert seen.kept_by is None
    assert near(seen.stops_at, "Mon 13:01"), "an hour after its work began"


def test_24_hours_in_24_are_no_limit(rig, machine, alice, ada, passes):
    set_policy(alice, ada, NOTHING | {"lease_hours": 24})
    at = (kst("Mon 12:00") - 5 * n * MINUTE for n in range(1, 289))
    CpuReading.objects.bulk_create(CpuReading(instance=machine, at=a, percent=0.5, network_in=600 * MB) for a in at)
    row = passes("Mon 12:11", 2, 2)
    assert near(row.run.lease_until, "Mon 13:11"), "although a whole day is used"
    row = passes("Mon 12:58", *[2] * 11)
    assert outlook(row, rules_of(alice.pk)).kept_by.signal is Signal.DOWNLOAD


def test_where_a_take_back_comes_too_late_for_the_window_its_12_minutes_are_foreseen(
    rig, machine, alice, ada, passes, at
):
    set_policy(alice, ada, NOTHING | {"idle_minutes": 15})
    rig.work()
    row = passes("Mon 12:36", *[2] * 6)
    at("Mon 12:39")
    assert near(outlook(row, rules_of(alice.pk)).idle.earliest, "Mon 12:51"), "12:49 by the window"
    row = passes("Mon 12:41", *[2] * 6, 0)
    assert near(row.run.lease_until, "Mon 12:53")
    at("Mon 12:44")
    assert near(outlook(row, rules_of(alice.pk)).stops_at, "Mon 12:53")


def test_the_outlook_names_what_keeps_it_on_and_when_it_would_stop(rig, machine, alice, passes):
    row = passes("Mon 12:31", *[2] * 6)
    seen = outlook(row, rules_of(alice.pk))
    assert (seen.kept_by.signal, seen.kept_by.rate, seen.stops_at) == (Signal.DOWNLOAD, 2 * MB, None)
    assert (near(seen.idle.earliest, "Mon 13:04"), near(seen.idle.latest, "Mon 13:09")) == (True, True)


def test_after_the_work_the_stop_is_foreseen_before_the_lease_is_taken_back(rig, machine, alice, passes):
    passes("Mon 12:31", *[2] * 6)
    row = passes("Mon 12:36", *[2] * 6, 0)
    seen = outlook(row, rules_of(alice.pk))
    assert seen.kept_by is None
    assert near(seen.stops_at, "Mon 13:04")
    row = passes("Mon 12:46", *[2] * 6, 0, 0, 0)
    assert near(outlook(row, rules_of(alice.pk)).stops_at, "Mon 13:04")


def test_the_history_has_one_line_for_work_that_goes_on(rig, machine, passes):
    passes("Mon 12:11", 2, 2)
    passes("Mon 12:32", *[2] * 6)
    passes("Mon 12:46", *[2] * 6, 0, 0, 0)
    told = WorkLease.objects.get()
    assert (told.began_at, told.worked_until, told.is_over) == (kst("Mon 12:05"), kst("Mon 12:30"), True)
    passes("Mon 12:56", *[2] * 6, 0, 0, 0, 3, 3)
    assert [(one.is_over, one.rate) for one in WorkLease.objects.order_by("began_at")] == [
        (True, 2 * MB),
        (False, 3 * MB),
    ]


def test_the_receipt_says_what_worked_last(rig, machine, alice, passes, at):
    row = passes("Mon 12:46", *[2] * 6, 0, 0, 0)
    at("Mon 13:06")
    rig.cloud.world.stop_by_alarm(row.instance_id)
    rig.tick(2)
    last = rig.mine(alice).run.idle_receipt.last_work
    assert (last.signal, last.rate, last.until) == (Signal.DOWNLOAD, 2 * MB, kst("Mon 12:30"))
