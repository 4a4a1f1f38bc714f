"""How long an alarm lets a machine be, for any run, rule and wish."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from ondol.autostop.forecast import warm_up

MINUTE = timedelta(minutes=1)
NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
spans = st.timedeltas(min_value=timedelta(), max_value=timedelta(hours=47))
rules = st.integers(3, 144).map(lambda periods: 5 * periods)


@given(since=spans, idle_minutes=rules, awake=st.none() | spans)
def test_nobody_is_judged_too_early(since, idle_minutes, awake):
    ends = NOON + warm_up(NOON, NOON - since, idle_minutes, awake and NOON + awake) * MINUTE
    assert ends >= NOON - since + (idle_minutes + 10) * MINUTE, "before this run has filled the window"
    assert ends >= NOON + 15 * MINUTE, "moments after a click"
    assert awake is None or ends >= NOON + awake, "before the wish is over"


@given(since=spans, idle_minutes=rules, awake=st.none() | spans)
def test_nobody_is_let_be_for_longer_than_one_of_these_asks(since, idle_minutes, awake):
    minutes = warm_up(NOON, NOON - since, idle_minutes, awake and NOON + awake)
    window = (NOON - since - NOON) / MINUTE + idle_minutes + 10
    assert minutes < max(window, 15, awake / MINUTE if awake else 0) + 1


def test_the_machine_of_a_first_start_is_let_be_for_the_window_and_ten_minutes():
    assert warm_up(NOON, NOON, 30, None) == 40


def test_a_wish_that_is_over_counts_no_more():
    assert warm_up(NOON, NOON - timedelta(hours=5), 30, NOON - MINUTE) == 15


def test_seconds_are_rounded_up():
    assert warm_up(NOON, NOON, 30, NOON + timedelta(hours=1, seconds=1)) == 61


def test_cloudwatch_takes_no_more_than_two_days():
    assert warm_up(NOON, NOON, 30, NOON + timedelta(days=9)) == 2880
