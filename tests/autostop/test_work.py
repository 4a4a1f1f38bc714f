"""What counts as work, and how long its lease keeps a machine: for any download, delay, window and death of workers."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ondol.autostop.work import Limits, Sample, Signal, lease_until, pause, used_within, work_of
from tests.autostop.lives import KB, MB, MINUTE, NOON, Life

LIMITS = Limits(5.0, 100 * KB, 1 * MB, NOON - timedelta(hours=3))
rates = st.floats(0.2 * MB, 50 * MB)
chatter = st.floats(0, 90 * KB)
phases, delays = st.integers(0, 4), st.integers(1, 6)
windows = st.sampled_from([15, 20, 25, 30, 30, 45, 60])


def of(network_in=0, network_out=0, disk=0, cpu=0.5, at=NOON):
    return Sample(at, cpu, int(300 * network_in), int(300 * network_out), int(300 * disk))


# --- what counts -----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("sample", "signal"),
    [
        (of(), None),
        (of(cpu=5.0), Signal.CPU),
        (of(100 * KB), Signal.DOWNLOAD),
        (of(30 * KB, 70 * KB), Signal.UPLOAD),
        (of(60 * KB, 39 * KB), None),
        (of(disk=1 * MB), Signal.DISK),
        (of(disk=0.9 * MB), None),
        (of(2 * MB, disk=2 * MB, cpu=90), Signal.DOWNLOAD),
        (Sample(NOON, 0.5), None),
        (Sample(NOON, 0.5, None, int(300 * MB)), Signal.UPLOAD),
    ],
)
def test_what_counts_as_work(sample, signal):
    work = work_of(sample, LIMITS)
    assert (work and work.signal) == signal


def test_zero_switches_a_signal_off():
    without = Limits(5.0, 0, 0, LIMITS.run_since)
    assert work_of(of(900 * MB, disk=900 * MB), without) is None
    no_leases = Limits(5.0, 100 * KB, 1 * MB, LIMITS.run_since, timedelta())
    assert work_of(of(900 * MB), no_leases) is None


def test_what_ubuntu_reads_while_it_boots_is_no_work():
    booting = Limits(5.0, 100 * KB, 1 * MB, NOON - MINUTE)
    assert work_of(of(disk=5 * MB), booting) is None
    assert work_of(of(disk=5 * MB, cpu=40), booting).signal is Signal.CPU


# --- lives -----------------------------------------------------------------------------------------------------------
@given(rate=rates, phase=phases, delay=delays, begins=st.integers(0, 20), window=windows)
def test_a_download_is_never_stopped_and_costs_three_alarms_an_hour(rate, phase, delay, begins, window):
    assume(begins <= window + 10 - 13)  # seen in time: see below
    life = Life(lambda minute: rate if minute >= begins else 0, phase=phase, delay=delay, idle_minutes=window)
    life.live(8 * 60)
    assert life.stopped is None
    assert life.most_puts_in_an_hour() <= 3


@given(rate=rates, phase=phases, delay=delays, ends=st.integers(10, 200), window=windows)
def test_after_work_the_stop_comes_by_the_idle_window(rate, phase, delay, ends, window):
    life = Life(lambda minute: rate if minute < ends else 0, phase=phase, delay=delay, idle_minutes=window)
    life.live(ends + window + 60)
    at_the_start = window + 12  # 0001: for so long, a fresh machine is not stopped
    assert window - 5 <= life.stopped - ends or life.stopped >= window + 10
    most = 13 if window == 15 else 11  # 15 minutes are too few for CloudWatch's delay and an e-mail
    assert life.stopped <= max(ends + window + most, at_the_start), life.puts


@given(phase=phases, delay=delays, ends=st.integers(60, 200), window=windows)
def test_whoever_is_stopped_after_work_has_12_minutes_for_a_letter(phase, delay, ends, window):
    life = Life(lambda minute: 2 * MB if minute < ends else 0, phase=phase, delay=delay, idle_minutes=window)
    life.live(ends + window + 60)
    assert life.stopped - life.puts[-1] >= 12


# A download of 0.5 MB/s counts as soon as it has lasted for one of its 5 minutes, one of 0.2 MB/s for three.
@pytest.mark.parametrize(("slowest", "in_time"), [(0.5 * MB, 11), (0.2 * MB, 13), (0.1 * MB, 15)])
@given(data=st.data(), phase=phases, delay=delays, worked=st.sampled_from([0, 60, 90]), idle=st.integers(15, 35))
def test_a_download_is_seen_in_time_if_it_begins_so_many_minutes_before_a_stop(
    slowest, in_time, data, phase, delay, worked, idle
):
    rate, begins = data.draw(st.floats(slowest, 50 * MB)), worked + idle
    stops = Life(lambda minute: rate if minute < worked else 0, phase=phase, delay=delay).live(200).stopped
    life = Life(lambda minute: rate if not worked <= minute < begins else 0, phase=phase, delay=delay).live(5 * 60)
    if stops - begins >= in_time:
        assert life.stopped is None


@pytest.mark.parametrize(("rate", "too_late"), [(0.5 * MB, 10), (0.2 * MB, 12), (0.1 * MB, 14)])
def test_one_that_begins_a_minute_later_is_stopped_where_cloudwatch_is_late(rate, too_late):
    life = Life(lambda minute: rate if minute >= 40 - too_late else 0, delay=6).live(120)
    assert life.stopped == 40
    assert Life(lambda minute: 0, delay=6).live(120).stopped == 40


@given(rate=rates, phase=phases, delay=st.integers(1, 4), ends=st.integers(40, 200))
def test_it_is_then_judged_by_what_came_after_the_work(rate, phase, delay, ends):
    life = Life(lambda minute: rate if minute < ends else 0, phase=phase, delay=delay).live(ends + 60)
    assert life.judged_from >= life.start + (ends - 5) * MINUTE


@given(rate=chatter, phase=phases, delay=delays)
def test_chatter_gets_no_lease(rate, phase, delay):
    life = Life(lambda minute: rate, phase=phase, delay=delay).live(120)
    assert (life.puts, life.lease) == ([], None)
    assert 30 <= life.stopped <= 42


@given(rate=rates, phase=phases, delay=delays, dies=st.integers(30, 200), more=st.integers(0, 300))
def test_if_all_workers_die_the_machine_lives_for_40_minutes_and_then_ends(rate, phase, delay, dies, more):
    life = Life(lambda minute: rate if minute < dies + more else 0, phase=phase, delay=delay, worker_until=dies)
    life.live(dies + more + 180)
    assert dies + 40 <= life.stopped <= dies + 62


@given(
    rate=rates,
    works=st.integers(5, 30),
    rests=st.integers(5, 24),
    phase=phases,
    delay=delays,
    window=windows,
)
def test_pauses_shorter_than_the_window_stop_nothing(rate, works, rests, phase, delay, window):
    life = Life(
        lambda minute: rate if minute % (works + rests) < works else 0, phase=phase, delay=delay, idle_minutes=window
    )
    life.live(6 * 60)
    if rests + delay + 10 <= window:
        assert life.stopped is None
    if rests <= pause(window) / MINUTE - 5:
        assert life.most_puts_in_an_hour() <= 3


@given(phase=phases, delay=delays, ends=st.integers(60, 200), busy=st.integers(0, 100))
def test_a_computation_after_the_download_keeps_its_own_time(phase, delay, ends, busy):
    def cpu(minute):
        return 60.0 if ends <= minute < ends + busy else 0.5

    life = Life(lambda minute: 2 * MB if minute < ends else 0, cpu, phase=phase, delay=delay)
    life.live(ends + busy + 60)
    assert 25 <= life.stopped - ends - busy <= 41


@pytest.mark.parametrize("hours", [2, 16, 23])
def test_hours_in_24_end_a_download(hours):
    life = Life(lambda minute: 2 * MB, hours=hours).live(40 * 60)
    assert hours * 60 - 20 <= life.stopped <= hours * 60 + 15


def test_24_hours_in_24_are_no_limit():
    assert Life(lambda minute: 2 * MB, hours=24).live(72 * 60).stopped is None


# --- one decision ----------------------------------------------------------------------------------------------------
def decided(samples, held=-60, lease=None, now=NOON, used=timedelta(), window=30, hours=24):
    until = lease if lease is None else NOON + lease * MINUTE
    limits = replace(LIMITS, day=timedelta(hours=hours))
    found = lease_until(now, samples, limits, window, NOON + held * MINUTE, until, used)
    return found and (found - NOON) / MINUTE


def past(*rates, ago=2):
    """Readings of 5 minutes each, the last of which ended `ago` minutes before noon."""
    return [of(rate, at=NOON - (5 * (len(rates) - n) + ago) * MINUTE) for n, rate in enumerate(rates)]


def test_a_lease_is_renewed_to_an_hour_ahead_but_not_before_20_minutes_are_over():
    working = past(2 * MB)
    assert decided(working) == 60
    assert decided(working, held=41, lease=40.5) == 40.5
    assert decided(working, held=40, lease=39.5) == 60


def test_who_is_kept_awake_for_longer_needs_none():
    assert decided(past(2 * MB), held=300) is None
    assert decided(past(2 * MB), held=39) == 60


def test_a_reading_that_is_old_renews_nothing():
    assert decided(past(2 * MB, ago=16)) == 60
    assert decided(past(2 * MB, ago=17)) is None


def test_a_worker_that_was_away_leaves_12_minutes():
    idle = past(2 * MB, *[0] * 8)
    assert decided(idle, held=50, lease=49.5) == 12
    assert decided(idle, held=12, lease=12) == 12


def test_hours_of_the_day_that_are_used_up_renew_nothing():
    assert decided(past(2 * MB), used=timedelta(hours=15, minutes=30), hours=16) == 30
    assert decided(past(2 * MB), held=0, used=timedelta(hours=15, minutes=50), hours=16) is None
    assert decided(past(2 * MB), held=30, lease=30, used=timedelta(hours=15, minutes=30), hours=16) == 30


def test_24_hours_in_24_are_never_used_up():
    assert decided(past(2 * MB), used=timedelta(hours=23, minutes=50), hours=24) == 60
    assert decided(past(2 * MB), used=timedelta(hours=24), hours=24) == 60


def test_a_window_longer_than_the_lease_is_kept_after_the_work():
    assert decided(past(2 * MB, 0, 0, 0), held=30, lease=30, window=120) == -17 + 124


def test_only_what_a_lease_alone_has_kept_on_is_used():
    samples = [of(2 * MB), of(2 * MB, cpu=50), of(), of(disk=3 * MB)]
    assert used_within(samples, LIMITS) == timedelta(minutes=10)
