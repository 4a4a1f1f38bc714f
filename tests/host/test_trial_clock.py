"""The trial's clock never goes back, whatever is done to `ondol up`."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ondol.clock import Clock
from ondol.host import trial_clock
from ondol.host.home import HomeError

NOON = 1_800_000_000.0
speeds = st.sampled_from([1.0, 1.5, 60.0, 600.0])
# How long it runs, how long after its last heartbeat it is killed, how long it is off, how fast it runs then.
lives = st.lists(st.tuples(st.floats(0, 500), st.floats(0, trial_clock.HEARTBEAT), st.floats(0, 5000), speeds))


@given(speeds, lives)
def test_the_clock_never_goes_back_over_kills_and_changes_of_speed(speed, lives):
    real, clock = NOON, Clock(NOON, NOON, speed)
    shown = clock.at(real)
    for runs, late, off, speed in lives:
        beat = trial_clock.moved(clock, real + runs)
        real += runs + late
        shown = max(shown, clock.at(real))
        real += off
        clock = trial_clock.carried_on(Clock.parse(trial_clock.text(beat)), real, speed)
        assert clock.at(real) >= shown or (shown - clock.at(real)).total_seconds() < 0.001
        shown = clock.at(real)


@given(speeds, speeds, st.floats(trial_clock.BRIDGE, 1e6))
def test_while_it_is_off_the_clock_goes_at_real_pace(before, after, off):
    clock = trial_clock.carried_on(Clock(NOON, NOON, before), NOON + off, after)
    bridged = trial_clock.BRIDGE * (before - 1)
    assert clock.virtual - NOON == pytest.approx(off + bridged, abs=0.01)
    assert clock.speed == after


@given(st.floats(1, 1e6), speeds)
def test_a_computer_whose_time_was_set_back_does_not_set_the_trial_back(back, speed):
    assert trial_clock.carried_on(Clock(NOON, NOON + 7200, 60), NOON - back, speed).virtual >= NOON + 7200


def test_without_speed_a_trial_has_real_time(tmp_path):
    assert trial_clock.start(tmp_path / "clock", NOON, 1.0) is None


def test_once_it_was_ahead_the_clock_stays_ahead_at_speed_one(tmp_path):
    fast = trial_clock.start(tmp_path / "clock", NOON, 60.0)
    trial_clock.beat(tmp_path / "clock", fast, NOON + 60)
    clock = trial_clock.start(tmp_path / "clock", NOON + 60, 1.0)
    assert clock.at(NOON + 61).timestamp() == NOON + 3601


def test_a_spoilt_clock_is_named(tmp_path):
    (tmp_path / "clock").write_text("noon\n")
    with pytest.raises(HomeError, match=r"clock is no clock of the trial"):
        trial_clock.start(tmp_path / "clock", NOON, 60.0)
