"""The forecast of the stop: held against CloudWatch's documented rules, played minute by minute."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ondol.autostop.forecast import PERIOD, forecast

NOON = datetime(2026, 6, 3, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


class CloudWatch:
    """An alarm as documented, written down a second time: judged each minute on the newest datapoints it can see."""

    def __init__(self, run_since, warm_up_ends, periods, delay, loads):
        self.run_since, self.warm_up_ends, self.periods, self.delay = run_since, warm_up_ends, periods, delay
        first = run_since - timedelta(seconds=run_since.timestamp() % 300)
        self.points = [(first + n * PERIOD, load) for n, load in enumerate(loads)]

    def seen(self, now):
        return [(at, load) for at, load in self.points if at + PERIOD + self.delay * MINUTE <= now]

    def stops_at(self):
        now = self.warm_up_ends
        while True:
            newest = self.seen(now)[-self.periods :]
            if len(newest) == self.periods and all(load < 5 for _, load in newest):
                return now
            now += MINUTE


@settings(max_examples=300, deadline=None)
@given(
    offset=st.integers(0, 299),
    delay=st.integers(1, 6),
    loads=st.lists(st.sampled_from([0.3, 2.0, 4.9, 5.0, 60.0]), max_size=40),
    periods=st.sampled_from([3, 6, 12]),
    extra=st.integers(0, 200),
)
def test_the_stop_comes_within_a_period_of_the_forecast_whatever_the_load_was(offset, delay, loads, periods, extra):
    run_since = NOON + timedelta(seconds=offset)
    warm_up_ends = run_since + (5 * periods + 10 + extra) * MINUTE
    cloud = CloudWatch(run_since, warm_up_ends, periods, delay, [*loads, *[0.3] * 80])
    stop = cloud.stops_at()
    for minutes in range(min(30, 5 * periods), 0, -1):  # it has idled since
        now = stop - minutes * MINUTE
        if now < run_since:
            continue
        told = forecast(now, cloud.seen(now), run_since, warm_up_ends, 5 * periods, 5.0)
        assert told.earliest - PERIOD <= stop <= told.latest + PERIOD
        assert now <= told.earliest < told.latest <= told.earliest + 4 * PERIOD


def test_an_idle_machine_is_told_a_range_of_five_minutes():
    run = NOON - timedelta(hours=2)
    idle = [(run + n * PERIOD, 0.4) for n in range(23)]
    idle[18] = (idle[18][0], 80.0)
    told = forecast(NOON, idle, run, run + timedelta(minutes=40), 30, 5.0)
    assert (told.is_active, told.earliest - idle[18][0], told.latest - told.earliest) == (False, 36 * MINUTE, PERIOD)


def test_while_it_works_the_times_are_those_of_a_machine_that_idles_from_now_on():
    run = NOON - timedelta(hours=2)
    told = forecast(NOON, [(NOON - 2 * PERIOD, 80.0)], run, run + timedelta(minutes=40), 30, 5.0)
    assert told.is_active
    assert NOON + 25 * MINUTE < told.earliest < NOON + 30 * MINUTE < told.latest


@pytest.mark.parametrize("readings", [[], [(NOON - 2 * PERIOD, 0.2)]])
def test_nothing_is_stopped_in_its_warm_up(readings):
    ends = NOON + timedelta(hours=4)
    told = forecast(NOON, readings, NOON - timedelta(hours=3), ends, 30, 5.0)
    assert (told.earliest, told.latest) == (ends, ends + PERIOD)
