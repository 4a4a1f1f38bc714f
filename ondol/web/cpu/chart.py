"""The CPU chart: the places of its bars and lines; x in per cent of the drawing, so that it fits, y in pixels."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import sqrt

from django.utils import timezone

from ondol.autostop.forecast import PERIOD, floor
from ondol.policy.threshold import digits

BACK, AHEAD = timedelta(hours=6), timedelta(hours=1)
TOP, PLOT, FOOT = 14, 130, 22
_LEVELS = (25, 50, 100)


@dataclass(frozen=True, slots=True)
class Bar:
    """Five minutes: x and width in per cent, y and height in pixels."""

    x: str
    y: str
    width: str
    height: str
    is_active: bool


@dataclass(frozen=True, slots=True)
class Mark:
    """A line with a label: an hour at `place` per cent from the left, or a level at `place` pixels from the top."""

    place: str
    word: str


@dataclass(frozen=True, slots=True)
class Chart:
    """The contents of `cpu/chart.html`."""

    bars: tuple[Bar, ...]
    hours: tuple[Mark, ...]
    levels: tuple[Mark, ...]
    threshold: Mark
    now: str
    stop: Bar | None
    """The times between which it will stop, if it goes on as now."""
    rows: tuple[tuple[datetime, float, bool], ...]
    """The same as a table, newest first: start, per cent, whether that is active."""
    foot: int = TOP + PLOT
    words: int = TOP + PLOT + 16
    height: int = TOP + PLOT + FOOT


def chart(
    readings: Sequence[tuple[datetime, float]],
    threshold: float,
    now: datetime,
    stop: tuple[datetime, datetime] | None = None,
) -> Chart:
    """Return the last six hours and the next; `readings` are starts of 5 minutes with their average, oldest first."""
    start = floor(now - BACK)
    span = now + AHEAD - start
    seen = [(at, percent) for at, percent in readings if at >= start]

    def x(moment: datetime) -> float:
        return 100 * ((moment - start) / span)

    def bar(begin: datetime, end: datetime, percent: float, is_active: bool) -> Bar:
        height = max(PLOT - (_y(percent) - TOP), 1.5)
        left, right = max(x(begin), 0.0), min(x(end), 100.0)
        return Bar(_percent(left), f"{TOP + PLOT - height:.1f}", _percent(right - left), f"{height:.1f}", is_active)

    is_in_sight = stop is not None and stop[0] < now + AHEAD
    gap = PERIOD * 0.12
    return Chart(
        bars=tuple(bar(at, at + PERIOD - gap, percent, percent >= threshold) for at, percent in seen),
        hours=tuple(Mark(_percent(x(hour)), f"{hour:%H:%M}") for hour in _hours(start, now + AHEAD)),
        levels=tuple(Mark(f"{_y(level):.1f}", f"{level}%") for level in _LEVELS),
        threshold=Mark(f"{_y(threshold):.1f}", f"{digits(threshold)}%"),
        now=_percent(x(now)),
        stop=bar(max(stop[0], now), stop[1], 100, False) if stop and is_in_sight else None,
        rows=tuple((at, percent, percent >= threshold) for at, percent in reversed(seen)),
    )


def _y(percent: float) -> float:
    """Return the height by the square root: 5 % is the line that matters, and would else be too low to see."""
    return TOP + PLOT * (1 - sqrt(min(max(percent, 0.0), 100.0) / 100))


def _percent(value: float) -> str:
    return f"{value:.2f}%"


def _hours(start: datetime, end: datetime) -> list[datetime]:
    """Return every second full hour of the zone that is shown."""
    local = timezone.localtime(start).replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    full = [local + timedelta(hours=number) for number in range(8)]
    return [hour for hour in full if hour.hour % 2 == 0 and hour < end - timedelta(minutes=20)]
