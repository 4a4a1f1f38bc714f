"""What other rules would have made of a machine's day; times are on one Monday, and the sums were done by hand."""

from dataclasses import replace
from datetime import time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ondol.autostop import replay as replays
from ondol.autostop.forecast import PERIOD, SHOWN_AFTER, forecast, warm_up
from ondol.autostop.replay import Life, Stop, Terms, interruptions, replay
from ondol.autostop.work import Sample
from ondol.policy.hours import Hours
from tests.autostop import lives
from tests.autostop.conftest import kst
from tests.autostop.lives import KB, MB, MINUTE, NOON

RULE = Terms(30, 5.0, 100 * KB, 1 * MB, timedelta(hours=16), timedelta(hours=24), None)
TILL_SIX = Hours(time(9), time(18), True, ZoneInfo("Asia/Seoul"))
END = "Mon 23:00"


def day(text):
    return kst(f"Mon {text}")


def busy(*spans, percent=40.0, **sizes):
    """Return the readings of times at which a machine works: `busy("09:00-09:30")`."""
    found = []
    for span in spans:
        at, until = map(day, span.split("-"))
        while at < until:
            found.append(Sample(at, percent, **sizes))
            at += PERIOD
    return found


def life(starts, *samples, ends=(), until=END, **more):
    return Life([day(at) for at in starts], [day(at) for at in ends], list(samples), kst(until), **more)


def made_of(one, **rule):
    """Return the stops, and the minutes of running, by these rules."""
    terms = replace(RULE, **rule)
    worked = replays.worked(one, terms)
    done = replay(one, terms, worked)
    stops = [Stop(stop.at.astimezone(ZoneInfo("Asia/Seoul")), stop.is_closing) for stop in done.stops]
    wrong = interruptions(one, done.stops, worked)
    told = [f"{stop.at:%H:%M}{' closing' * stop.is_closing}{' at work' * (stop in wrong)}" for stop in stops]
    return told, done.ran / MINUTE


def test_a_machine_is_stopped_a_minute_after_its_idle_window():
    assert made_of(life(["09:00"], *busy("09:00-10:00"))) == (["10:31"], 91)


def test_it_is_let_be_at_first_as_every_start_is():
    assert made_of(life(["09:00"])) == (["09:40"], 40), "window and 10 minutes"


def test_a_shorter_window_makes_a_stop_more_and_interrupts_who_works_again_19_minutes_later():
    one = life(["09:00"], *busy("09:00-09:30", "10:20-10:50"))
    assert made_of(one, idle_minutes=60) == (["11:51"], 171)
    assert made_of(one, idle_minutes=30) == (["10:01 at work", "11:21"], 61 + 61), "started again at 10:20"


def test_a_longer_window_makes_a_stop_less_and_runs_in_between():
    one = life(["09:00", "10:10"], *busy("09:00-09:30", "10:10-11:00"), ends=["11:05"])
    assert made_of(one, idle_minutes=30) == (["10:01 at work"], 61 + 55), "she started it again 9 minutes later"
    assert made_of(one, idle_minutes=60) == ([], 125)


def test_after_a_real_stop_by_a_rule_the_machine_idles_on():
    """Its run ended at 10:34 for idling; no reading tells what would have been."""
    assert made_of(life(["09:00"], *busy("09:00-10:00")), idle_minutes=120) == (["12:01"], 181)


def test_who_stops_a_machine_by_hand_would_have_done_so_by_any_rule():
    assert made_of(life(["09:00"], *busy("09:00-10:00"), ends=["10:10"]), idle_minutes=15) == ([], 70)


def test_a_stop_that_comes_first_saves_the_time_until_the_owners_own():
    assert made_of(life(["09:00"], *busy("09:00-10:00"), ends=["10:30"]), idle_minutes=15) == (["10:16"], 76)


def test_what_was_done_before_the_owner_stopped_it_starts_nothing():
    one = life(["09:00"], *busy("09:00-10:00", "10:40-10:45"), ends=["10:43"])
    assert made_of(one, idle_minutes=30) == (["10:31 at work"], 91)


def test_a_higher_threshold_stops_work_that_counted_before():
    one = life(["09:00"], *busy("09:00-11:00", percent=8), ends=["11:00"])
    before = replays.worked(one, RULE)
    terms = replace(RULE, cpu_percent=10)
    done = replay(one, terms, replays.worked(one, terms))
    assert done.stops == (Stop(day("09:40"), is_closing=False),)
    assert interruptions(one, done.stops, before) == list(done.stops), "by the rules of now it was work"
    assert made_of(one) == ([], 120)


def test_a_download_is_work_unless_the_network_does_not_count():
    one = life(["09:00"], *busy("09:05-12:00", percent=0.5, network_in=int(300 * 2 * MB)), ends=["12:00"])
    assert made_of(one) == ([], 180)
    assert made_of(one, network=0) == (["09:40"], 40)


def test_the_hours_of_the_day_end_a_download():
    one = life(["09:00"], *busy("09:05-12:00", percent=0.5, network_in=int(300 * 2 * MB)), ends=["12:00"])
    assert made_of(one, day=timedelta(hours=1)) == (["10:36"], 96), "an hour from 09:05, then the window"
    assert made_of(one, day=timedelta(0)) == (["09:40"], 40)


def test_what_ubuntu_reads_while_it_boots_is_no_work():
    one = life(["09:04"], Sample(day("09:00"), 1.0, 0, 0, int(300 * 5 * MB)))
    assert made_of(one) == (["09:44"], 40)


def test_a_wish_keeps_it_awake_as_long_as_the_rules_let_it():
    one = life(["09:00"], *busy("09:00-09:30"), wishes=[(day("09:20"), day("13:00"))])
    assert made_of(one) == (["13:00"], 240)
    assert made_of(one, awake=timedelta(hours=2)) == (["11:20"], 140)
    assert made_of(one, awake=timedelta(0)) == (["10:01"], 61)


def test_a_wish_that_is_taken_back_leaves_15_minutes():
    one = life(["09:00"], *busy("09:00-09:30"), wishes=[(day("09:20"), day("13:00")), (day("11:00"), None)])
    assert made_of(one) == (["11:15"], 135)


def test_hours_stop_what_works_and_who_works_starts_it_again_until_they_end_the_next_time():
    one = life(["16:00"], *busy("16:00-19:00"))
    assert made_of(one) == (["19:31"], 211)
    assert made_of(one, hours=TILL_SIX) == (["18:00 closing at work", "19:31"], 211)


def test_hours_stop_what_idles_without_anybody_noticing():
    one = life(["16:00"], *busy("16:00-17:50"))
    assert made_of(one, hours=TILL_SIX) == (["18:00 closing"], 120)
    assert made_of(one) == (["18:21"], 141)


def test_hours_do_not_concern_what_is_started_outside_of_them_or_was_to_run_on():
    assert made_of(life(["18:30"], *busy("18:30-19:00")), hours=TILL_SIX) == (["19:31"], 61)
    waived = life(["16:00"], *busy("16:00-19:00"), waived=[(day("17:00"), day("18:00"))])
    assert made_of(waived, hours=TILL_SIX) == (["19:31"], 211)
    awake = life(["16:00"], *busy("16:00-17:50"), wishes=[(day("17:00"), day("20:00"))])
    assert made_of(awake, hours=TILL_SIX) == (["20:00 closing"], 240)


def test_a_closing_time_that_is_waived_is_followed_by_the_next():
    all_night = [Sample(day("16:00") + n * PERIOD, 40.0) for n in range(27 * 12)]
    one = Life([day("16:00")], [], all_night, kst("Tue 19:00"), waived=[(day("17:00"), day("18:00"))])
    stops = replay(one, replace(RULE, hours=TILL_SIX), [sample.at for sample in all_night]).stops
    assert stops == (Stop(kst("Tue 18:00"), is_closing=True),)


def test_what_runs_still_counts_until_now():
    assert made_of(life(["09:00"], *busy("09:00-10:00"), until="Mon 10:20")) == ([], 80)
    assert made_of(life(["09:00"], *busy("09:00-10:00"), until="Mon 10:03")) == ([], 63)


# --- the same rule as everywhere -------------------------------------------------------------------------------------
@given(works=st.lists(st.booleans(), min_size=1, max_size=60), window=st.sampled_from([15, 30, 45]))
def test_it_stops_when_the_forecast_of_that_moment_says(works, window):
    samples = [Sample(NOON + n * PERIOD, 40.0 if is_busy else 0.5) for n, is_busy in enumerate(works)]
    one = Life([NOON], [], samples, NOON + timedelta(days=1))
    terms = replace(RULE, idle_minutes=window)
    first = replay(one, terms, replays.worked(one, terms)).stops[0]
    known = [(s.at, s.percent) for s in samples if s.at + PERIOD + SHOWN_AFTER[0] <= first.at]
    warm_up_ends = NOON + warm_up(NOON, NOON, window, None) * MINUTE
    assert forecast(first.at, known, NOON, warm_up_ends, window, 5.0).earliest == first.at
    before = [(at, percent) for at, percent in known if at + PERIOD + SHOWN_AFTER[0] <= first.at - MINUTE]
    assert forecast(first.at - MINUTE, before, NOON, warm_up_ends, window, 5.0).earliest >= first.at


@pytest.mark.parametrize("rate", [0, 2 * MB])
@given(
    ends=st.integers(0, 200), phase=st.integers(0, 4), delay=st.integers(1, 6), window=st.sampled_from([20, 30, 45, 60])
)
def test_it_is_near_what_cloudwatch_and_a_worker_make_of_the_same_minutes(rate, ends, phase, delay, window):
    """Lived minute by minute, with a delay that is not known beforehand: at most 12 minutes later, never sooner."""
    lived = lives.Life(
        lambda minute: rate if minute < ends else 0,
        lambda minute: 40.0 if minute < ends and not rate else 0.5,
        phase=phase, delay=delay, idle_minutes=window,
    ).live(ends + window + 60)  # fmt: skip
    samples = [s for s in lived._samples if s.percent >= 5 or s.network_in >= 300 * 100 * KB]
    one = Life([lived.start], [], samples, lived.start + timedelta(days=1))
    terms = replace(RULE, idle_minutes=window)
    first = replay(one, terms, replays.worked(one, terms)).stops[0]
    late = lived.stopped - (first.at - lived.start) / MINUTE
    assert 0 <= late <= 12
