"""The moment at which the machines' clock starts in a run: any, and more often one at which code fails."""

import calendar
import random
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

SEOUL = ZoneInfo("Asia/Seoul")
ZONES = ("Asia/Seoul", "UTC", "America/New_York", "Europe/Berlin", "Australia/Lord_Howe")
"""The time zones; Lord Howe's summer time is half an hour."""
YEARS = 4
"""The years of which one has a 29 February."""


def draw(seed: int, today: date) -> datetime:
    """Return the moment of this seed: within four years after `today`, since no trial's clock is behind."""
    dice = random.Random(seed)
    kind = dice.choice(list(KINDS))
    moment = KINDS[kind](dice, today + timedelta(days=1 + dice.randrange(365 * YEARS)))
    return moment.astimezone(SEOUL)


def read(text: str) -> datetime:
    """Return the moment that `2027-02-28T23:58+09:00` names; without a zone, it is Seoul's."""
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=SEOUL)


def _any(dice: random.Random, day: date) -> datetime:
    return _at(day, dice.randrange(24), dice.randrange(60), ZoneInfo(dice.choice(ZONES)))


def _before_an_hour(dice: random.Random, day: date) -> datetime:
    return _at(day, dice.randrange(24), 59, SEOUL)


def _around_midnight(dice: random.Random, day: date) -> datetime:
    return _at(day, 0, 0, ZoneInfo(dice.choice(ZONES))) + timedelta(minutes=dice.choice((-15, -2, -1, 0, 1)))


def _night_of_a_saturday(dice: random.Random, day: date) -> datetime:
    return _at(day + timedelta(days=(calendar.SATURDAY - day.weekday()) % 7), 3, 0, SEOUL)


def _end_of_a_month(dice: random.Random, day: date) -> datetime:
    return _at(day.replace(day=1), 0, 0, ZoneInfo(dice.choice(ZONES))) + timedelta(minutes=dice.choice((-2, -1, 0, 1)))


def _end_of_a_year(dice: random.Random, day: date) -> datetime:
    return _at(date(day.year + 1, 1, 1), 0, 0, ZoneInfo(dice.choice(ZONES))) - timedelta(minutes=dice.choice((1, 2, 0)))


def _leap_day(dice: random.Random, day: date) -> datetime:
    """Return 29 February itself, or the minutes around it."""
    year = next(year for year in range(day.year, day.year + 9) if calendar.isleap(year))
    return _at(date(year, 2, 29), 0, 0, SEOUL) + timedelta(minutes=dice.choice((-1, 0, 12 * 60, 24 * 60 - 2, 24 * 60)))


def _change_of_clocks(dice: random.Random, day: date) -> datetime:
    """Return the minutes around an hour, or half of one, that comes twice or never."""
    zone = ZoneInfo(dice.choice(ZONES[2:]))
    noon = _at(day, 12, 0, zone)
    while (noon + timedelta(days=1)).utcoffset() == noon.utcoffset():  # of the wall clock
        noon += timedelta(days=1)
    moment = noon.astimezone(UTC)
    while moment.astimezone(zone).utcoffset() == noon.utcoffset():
        moment += timedelta(minutes=30)
    return moment + timedelta(minutes=dice.choice((-31, -2, -1, 0, 1)))


def _thirtieth_day(dice: random.Random, day: date) -> datetime:
    """Return the last days of a month: 30 days earlier is this month, the last, or the one before."""
    last = calendar.monthrange(day.year, day.month)[1]
    return _at(day.replace(day=dice.randint(last - 3, last)), dice.randrange(24), dice.choice((0, 30, 58)), SEOUL)


def _at(day: date, hour: int, minute: int, zone: ZoneInfo) -> datetime:
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=zone)


KINDS: dict[str, Callable[[random.Random, date], datetime]] = {
    "any": _any,
    "a minute before a full hour": _before_an_hour,
    "around midnight": _around_midnight,
    "Saturday, 3 o'clock": _night_of_a_saturday,
    "the end of a month": _end_of_a_month,
    "the end of a year": _end_of_a_year,
    "29 February": _leap_day,
    "a change of clocks": _change_of_clocks,
    "the 30th day": _thirtieth_day,
}
