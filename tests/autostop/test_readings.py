"""CloudWatch is asked for the CPU of all machines at once, and only when there may be new datapoints."""

from datetime import timedelta

import pytest

from ondol import clock
from ondol.autostop import readings
from ondol.autostop.models import CpuReading, MetricsRead, ReadingRound
from ondol.autostop.outlook import outlook
from ondol.autostop.samples import recent
from ondol.cloud.errors import Throttled
from ondol.cloud.port import Reading
from ondol.instances import actions
from ondol.instances.models import Instance
from ondol.policy.rules import rules_of
from tests.autostop.conftest import kst


@pytest.fixture
def machine(rig, alice):
    """Alice's, which runs since noon."""
    return rig.running(alice)


def told(rig, machine, *values, since="Mon 12:00", network=1000):
    """Let CloudWatch have these, 5 minutes each; `network` is what came in, in bytes."""
    at = kst(since)
    found = [Reading(at + timedelta(minutes=5 * n), value, network, 0, 0, 0) for n, value in enumerate(values)]
    rig.cloud.world.cpu[machine.instance_id] = found


def kept(machine):
    return [sample.percent for sample in recent(machine, kst("Mon 00:00"))]


def test_a_datapoint_is_asked_for_when_it_may_be_there(rig, machine, at):
    told(rig, machine, 40.0)
    for when, calls in (("Mon 12:05", 0), ("Mon 12:06", 1), ("Mon 12:07", 1), ("Mon 12:10", 1), ("Mon 12:11", 2)):
        at(when)
        readings.collect(rig.cloud)
        assert rig.cloud.asked("readings") == calls
    assert kept(machine) == [40.0]


def test_one_that_is_late_is_asked_for_once_a_minute(rig, machine, at):
    for when in ("Mon 12:06", "Mon 12:07", "Mon 12:08"):
        at(when)
        readings.collect(rig.cloud)
        readings.collect(rig.cloud)
    assert rig.cloud.asked("readings") == 3
    told(rig, machine, 1.0)
    at("Mon 12:09")
    readings.collect(rig.cloud)
    at("Mon 12:10")
    readings.collect(rig.cloud)
    assert (rig.cloud.asked("readings"), kept(machine)) == (4, [1.0])


def test_many_machines_are_one_call(rig, machine, bob, at):
    others = rig.running(bob)
    told(rig, machine, 1.0)
    told(rig, others, 2.0)
    at("Mon 12:06")
    readings.collect(rig.cloud)
    assert (rig.cloud.asked("readings"), kept(machine), kept(others)) == (1, [1.0], [2.0])


def test_a_gap_is_filled_and_a_correction_taken_over(rig, machine, at):
    told(rig, machine, 1.0)
    at("Mon 12:06")
    readings.collect(rig.cloud)
    told(rig, machine, *range(1, 13))
    at("Mon 13:01")
    readings.collect(rig.cloud)
    assert kept(machine) == list(range(1, 13))


def test_of_a_longer_gap_the_last_six_hours_are_filled(rig, machine, at):
    told(rig, machine, *range(1, 121))
    at("Mon 12:06")
    readings.collect(rig.cloud)
    at("Mon 22:01")
    readings.collect(rig.cloud)
    assert kept(machine) == [1, 2, *range(50, 121)]
    at("Mon 22:04")
    readings.collect(rig.cloud)
    assert rig.cloud.asked("readings") == 2


@pytest.mark.parametrize("hours", [1, 10])
def test_of_a_stop_that_is_found_out_late_nothing_is_asked_that_is_known_or_too_old(rig, machine, at, hours):
    """Its last readings are there, or no gap is filled that far back."""
    CpuReading.objects.create(instance=machine, at=kst("Mon 12:55"), percent=1.0, network_in=1)
    at(f"Mon {13 + hours}:00")
    Instance.objects.update(status="STOPPED", status_since=clock.now(), stopped_at=kst("Mon 13:00"))
    readings.collect(rig.cloud)
    assert rig.cloud.asked("readings") == 0


def test_while_nothing_runs_nothing_is_asked(rig, machine, alice, at):
    actions.stop(alice)
    rig.work()
    rig.tick(2)
    at("Mon 18:00")
    readings.collect(rig.cloud)
    assert rig.cloud.asked("readings") == 0


def test_aws_away_loses_nothing(rig, machine, at):
    told(rig, machine, 1.0)
    rig.cloud.next_error["readings"] = [Throttled("Throttling")]
    at("Mon 12:06")
    with pytest.raises(Throttled):
        readings.collect(rig.cloud)
    assert ReadingRound.objects.get().trouble_code == "Throttling"
    at("Mon 12:07")
    readings.collect(rig.cloud)
    assert (kept(machine), ReadingRound.objects.get().trouble_code) == ([1.0], "")


def test_what_is_older_than_a_month_is_forgotten(rig, machine, at):
    for days in (29, 31):
        CpuReading.objects.create(instance=machine, at=clock.now() - timedelta(days=days), percent=1.0)
    readings.prune()
    assert CpuReading.objects.count() == 1


def test_a_network_that_comes_after_its_cpu_is_waited_for(rig, machine, at):
    told(rig, machine, 1.0, network=None)
    at("Mon 12:06")
    readings.collect(rig.cloud)
    told(rig, machine, 1.0, network=7)
    at("Mon 12:07")
    readings.collect(rig.cloud)
    [sample] = recent(machine, kst("Mon 00:00"))
    assert (rig.cloud.asked("readings"), sample.network_in) == (2, 7)


def test_what_was_asked_for_is_counted_since_it_is_paid_for(rig, machine, bob, at):
    rig.running(bob)
    Instance.objects.filter(owner=bob).update(is_unlimited=True)
    rig.cloud.next_error["readings"] = [Throttled("Throttling")]
    at("Mon 12:06")
    with pytest.raises(Throttled):
        readings.collect(rig.cloud)
    at("Mon 12:07")
    readings.collect(rig.cloud)
    assert MetricsRead.objects.get().count == 2 * (6 + 5), "two calls, two machines, one of them with credits"


# --- what is in sight ------------------------------------------------------------------------------------------------
def test_an_idle_machine_is_forecast_its_stop(rig, machine, alice, at):
    told(rig, machine, 50.0, *[0.4] * 6)
    at("Mon 12:36")
    readings.collect(rig.cloud)
    seen = outlook(machine, rules_of(alice.pk))
    # Armed at noon for 40 minutes, idle since 12:05.
    assert (seen.stops_at - kst("Mon 12:40")) < timedelta(minutes=1)
    assert seen.is_soon


def test_a_busy_machine_has_no_stop_in_sight(rig, machine, alice, at):
    told(rig, machine, *[50.0] * 24)
    at("Mon 14:01")
    readings.collect(rig.cloud)
    seen = outlook(machine, rules_of(alice.pk))
    assert (seen.stops_at, seen.is_soon, seen.idle.is_active) == (None, False, True)


def test_the_last_run_does_not_count(rig, machine, alice, at):
    CpuReading.objects.create(instance=machine, at=kst("Mon 11:00"), percent=90.0)
    at("Mon 12:20")
    seen = outlook(machine, rules_of(alice.pk))
    assert not seen.idle.is_active
    assert seen.idle.earliest >= kst("Mon 12:40")


def test_a_machine_that_rests_has_no_outlook(rig, machine, alice):
    actions.stop(alice)
    rig.work()
    rig.tick(2)
    assert outlook(rig.mine(alice), rules_of(alice.pk)) is None
