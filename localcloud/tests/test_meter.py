"""CPU time becomes five-minute averages, whatever the beat of the measurements."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localcloud.cloudwatch.heartbeat import step_for
from localcloud.cloudwatch.meter import Meter


def test_half_a_period_busy_is_half_the_percentage() -> None:
    meter = Meter()
    meter.add(0, 150, 50.0)
    meter.add(150, 300, 0.0)
    (point,) = meter.finished(300)
    assert point.total / point.samples == pytest.approx(25.0)
    assert (point.at, point.samples, point.low, point.high) == (0, 5, 0.0, 50.0)


def test_a_datapoint_is_visible_a_minute_after_its_period() -> None:
    meter = Meter()
    meter.add(0, 300, 1.0)
    assert meter.finished(300)[0].visible == 360


def test_a_period_is_given_out_once_and_only_when_it_is_over() -> None:
    meter = Meter()
    meter.add(0, 299, 1.0)
    assert meter.finished(299) == []
    assert len(meter.finished(301)) == 1
    assert meter.finished(900) == []


def test_a_machine_that_ran_for_a_minute_is_averaged_over_that_minute() -> None:
    meter = Meter()
    meter.add(240, 300, 40.0)
    (point,) = meter.finished(300)
    assert point.total / point.samples == pytest.approx(40.0)


@given(
    steps=st.lists(st.tuples(st.floats(1, 400), st.floats(0, 100)), min_size=1, max_size=40),
    start=st.integers(0, 1000),
)
def test_no_cpu_time_is_lost_or_invented(steps: list, start: int) -> None:
    meter, now, spent = Meter(), float(start), 0.0
    for seconds, percent in steps:
        meter.add(now, now + seconds, percent)
        spent += percent * seconds
        now += seconds
    recorded = sum(minute.weighted for minute in meter.minutes.values())
    assert recorded == pytest.approx(spent, rel=1e-6)
    for point in meter.finished(now + 300):
        assert point.low - 1e-9 <= point.total / point.samples <= point.high + 1e-9


@pytest.mark.parametrize(("speed", "real_seconds"), [(1, 10.0), (60, 0.5), (600, 0.2), (0.5, 10.0)])
def test_the_beat_is_slow_at_real_time_and_never_frantic(speed: float, real_seconds: float) -> None:
    assert step_for(speed) / speed == pytest.approx(real_seconds)
