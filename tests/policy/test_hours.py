"""When machines may run, in any zone and on days of 23 and 25 hours."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ondol.policy.hours import WAIVED_MOST, Hours

KST, BERLIN = ZoneInfo("Asia/Seoul"), ZoneInfo("Europe/Berlin")
WORKDAYS = Hours(time(9), time(22), False, KST)
SECOND = timedelta(seconds=1)
zones = st.sampled_from(
    [
        KST,
        BERLIN,
        *map(ZoneInfo, ["UTC", "America/Santiago", "Australia/Lord_Howe", "Africa/Cairo", "Pacific/Auckland"]),
    ]
)
quarters = st.integers(0, 95).map(lambda n: time(n // 4, n % 4 * 15))
all_hours = st.builds(Hours, quarters, quarters, st.booleans(), zones)
times = st.datetimes(datetime(2024, 1, 1), datetime(2030, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001


def kst(text):
    """Return `Fri 21:59` of the week of Monday, 5 January 2026."""
    day, clock = text.split()
    number = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"].index(day)
    return datetime.combine(datetime(2026, 1, 5 + number, tzinfo=KST), time.fromisoformat(clock), KST)


@pytest.mark.parametrize(
    ("at", "is_open"),
    [("Mon 08:59", False), ("Mon 09:00", True), ("Fri 21:59", True), ("Fri 22:00", False), ("Sat 12:00", False)],
)
def test_workdays_from_9_to_22(at, is_open):
    assert WORKDAYS.is_open(kst(at)) is is_open


@pytest.mark.parametrize(
    ("at", "last", "following"),
    [
        ("Wed 12:00", "Tue 22:00", "Wed 22:00"),
        ("Wed 22:00", "Wed 22:00", "Thu 22:00"),
        ("Sun 12:00", "Fri 22:00", None),
    ],
)
def test_its_closing_times(at, last, following):
    assert WORKDAYS.last_close(kst(at)) == kst(last)
    assert WORKDAYS.next_close(kst(at)) == (kst(following) if following else kst("Mon 22:00") + timedelta(days=7))


def test_all_day_but_weekends_closes_at_the_midnight_before_saturday():
    hours = Hours(time(), time(), False, KST)
    assert hours.next_close(kst("Mon 00:00")) == kst("Sat 00:00")
    assert hours.is_open(kst("Fri 23:59"))
    assert not hours.is_open(kst("Sun 23:59"))


def test_until_two_at_night_is_the_night_after_a_workday():
    hours = Hours(time(9), time(2), False, KST)
    assert hours.is_open(kst("Sat 01:59"))
    assert not hours.is_open(kst("Sat 02:00"))
    assert not hours.is_open(kst("Mon 01:00"))
    assert hours.next_close(kst("Fri 12:00")) == kst("Sat 02:00")


def test_always_open_never_closes():
    hours = Hours(time(), time(), True, KST)
    assert (hours.is_open(kst("Sun 03:00")), hours.next_close(kst("Sun 03:00"))) == (True, None)


@pytest.mark.parametrize(("day", "hour_utc"), [(28, 21), (29, 20), (30, 20)])
def test_in_berlin_it_closes_at_22_on_the_wall_before_and_after_summer_time_begins(day, hour_utc):
    hours = Hours(time(8), time(22), True, BERLIN)
    noon = datetime(2026, 3, day, 12, tzinfo=UTC)
    assert hours.next_close(noon) == datetime(2026, 3, day, hour_utc, tzinfo=UTC)


def test_hours_within_the_hour_that_summer_time_leaves_out_do_not_come_that_day():
    hours = Hours(time(2, 30), time(3, 10), True, BERLIN)
    assert hours.next_close(datetime(2026, 3, 29, tzinfo=UTC)) == datetime(2026, 3, 30, 1, 10, tzinfo=UTC)


@given(hours=all_hours, at=times)
def test_around_a_closing_time_it_is_open_before_and_closed_after(hours, at):
    for close in filter(None, [hours.next_close(at), hours.last_close(at)]):
        assert hours.is_open(close - SECOND)
        assert not hours.is_open(close)


@given(hours=all_hours, at=times)
def test_between_two_closing_times_there_is_none(hours, at):
    close = hours.next_close(at)
    if close is None:
        assert hours.is_open(at)
        return
    assert at < close <= at + timedelta(days=8)
    assert hours.next_close(close - SECOND) == close == hours.last_close(close)
    last = hours.last_close(at)
    assert last <= at
    assert hours.next_close(last) == close


@given(hours=all_hours, at=times)
def test_it_is_open_as_the_wall_clock_says(hours, at):
    wall = at.astimezone(hours.zone)
    if (at + timedelta(hours=3)).astimezone(hours.zone).utcoffset() != (
        (at - timedelta(days=2)).astimezone(hours.zone).utcoffset()
    ):
        return  # around the change, the two tests above
    day = wall.date() if hours.is_all_day or hours.opens <= wall.time() else wall.date() - timedelta(days=1)
    works = hours.weekends or day.weekday() < 5
    within = (
        hours.opens <= wall.time() < hours.closes
        if hours.opens < hours.closes
        else hours.is_all_day or not hours.closes <= wall.time() < hours.opens
    )
    assert hours.is_open(at) is (works and within)


@given(all_hours, times)
def test_no_closing_that_can_be_waived_is_further_away_than_that(hours, at):
    close = hours.next_close(at)
    assert close is None or close - at <= WAIVED_MOST


def test_after_the_closing_of_five_whole_days_the_next_one_is_a_week_away_and_clocks_may_be_put_back_in_it():
    saturday, next_one = (datetime(2026, 10, day, tzinfo=BERLIN).astimezone(UTC) for day in (24, 31))
    assert Hours(time(), time(), False, BERLIN).next_close(saturday) == next_one
    assert timedelta(days=7) < next_one - saturday <= WAIVED_MOST
