"""The CPU chart: the positions of its bars and lines; x in per cent of the width, so that it fits, y in pixels."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from html import escape
from math import sqrt

from django.utils import timezone
from django.utils.safestring import SafeString

from ondol.autostop.forecast import PERIOD, floor
from ondol.autostop.work import Limits, Sample, Work, work_of
from ondol.instances.messages.signals import counts_as, speed
from ondol.instances.messages.texts import Text
from ondol.policy.threshold import digits

BACK, AHEAD = timedelta(hours=6), timedelta(hours=1)
TOP, PLOT, LANE, FOOT = 14, 120, 8, 22
"""The heights in pixels: above 100 %, of the bars, of the marks below the base line, and of the hours."""
_LEAST = 3
"""The height of a bar of 0 %."""
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
class Row:
    """Five minutes in the table."""

    at: datetime
    percent: float
    network: str
    """The rate, in and out together; empty if it is not known. The same for the disk."""
    disk: str
    counts_as: Text


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
    most: int
    """All cores at work, in per cent of one core, as all labels and the table are."""
    now: str
    stop: Bar | None
    """The times between which it will stop, if it goes on as now: below the base line."""
    awake: Bar | None
    """The time that it is kept awake from now on: below the base line."""
    kept_on: tuple[Bar, ...]
    """The times in which network or disk was busy: below the base line."""
    rows: tuple[Row, ...]
    """The same as a table, newest first."""
    foot: int = TOP + PLOT
    lane: int = LANE
    words: int = TOP + PLOT + LANE + 16
    height: int = TOP + PLOT + LANE + FOOT

    @property
    def drawn(self) -> SafeString:
        """Return the 72 bars as SVG: a template would look up each of their fields."""
        return _lines(
            f'<rect class="chart-bar{active}" x="{bar.x}" y="{bar.y}" width="{bar.width}" height="{bar.height}" />'
            for active, bar in ((" chart-active" * bar.is_active, bar) for bar in self.bars)
        )

    @property
    def told(self) -> SafeString:
        """Return the rows of the table as HTML."""
        zone = timezone.get_current_timezone()
        words = {id(row.counts_as): row.counts_as for row in self.rows}
        words = {number: escape(str(text)) for number, text in words.items()}
        return _lines(
            f'<tr><th scope="row">{row.at.astimezone(zone):%H:%M}</th><td>{digits(row.percent)}%</td>'
            f"<td>{row.network}</td><td>{row.disk}</td><td>{words[id(row.counts_as)]}</td></tr>"
            for row in self.rows
        )


def _lines(lines: Iterable[str]) -> SafeString:
    """Join lines that are HTML already: `format_html_join` would escape each of their hundreds of numbers."""
    return SafeString("\n".join(lines))


def chart(
    samples: Sequence[Sample],
    limits: Limits,
    now: datetime,
    vcpus: int,
    stop: tuple[datetime, datetime] | None = None,
    awake_until: datetime | None = None,
) -> Chart:
    """Return the last six hours and the next; `samples` are oldest first, in per cent of all `vcpus`."""
    start = floor(now - BACK)
    span = now + AHEAD - start
    seen = [(sample, work_of(sample, limits)) for sample in samples if sample.at >= start]
    threshold = limits.cpu_percent

    def x(moment: datetime) -> float:
        return 100 * ((moment - start) / span)

    def bar(begin: datetime, end: datetime, percent: float, is_active: bool) -> Bar:
        height = round(max(PLOT - (_y(percent) - TOP), _LEAST))  # whole pixels: sharp edges, and a shorter page
        left, right = max(x(begin), 0.0), min(x(end), 100.0)
        return Bar(_percent(left), f"{TOP + PLOT - height:.0f}", _percent(right - left), f"{height}", is_active)

    is_in_sight = stop is not None and stop[0] < now + AHEAD
    gap = PERIOD * 0.12
    return Chart(
        bars=tuple(bar(s.at, s.at + PERIOD - gap, s.percent, work is not None) for s, work in seen),
        kept_on=tuple(bar(s.at, s.at + PERIOD, 0, True) for s, work in seen if work and work.needs_lease),
        hours=tuple(Mark(_percent(x(hour)), f"{hour:%H:%M}") for hour in _hours(start, now + AHEAD)),
        levels=tuple(Mark(f"{_y(level):.1f}", f"{level * vcpus}%") for level in _LEVELS),
        threshold=Mark(f"{_y(threshold):.1f}", digits(round(threshold * vcpus, 1))),
        most=100 * vcpus,
        now=_percent(x(now)),
        stop=bar(max(stop[0], now), stop[1], 0, False) if stop and is_in_sight else None,
        awake=bar(now, awake_until, 0, True) if awake_until else None,
        rows=tuple(_row(sample, work, vcpus) for sample, work in reversed(seen)),
    )


def _row(sample: Sample, work: Work | None, vcpus: int) -> Row:
    network = _rate(sample.network_in, sample.network_out)
    return Row(sample.at, sample.percent * vcpus, network, _rate(sample.disk), counts_as(work.signal if work else None))


def _rate(*sizes: int | None) -> str:
    known = [size for size in sizes if size is not None]
    return speed(sum(known) / PERIOD.total_seconds()) if known else ""


def _y(percent: float) -> float:
    """Return y on a square-root scale: the line at 5 % matters most, and would otherwise be too low to see."""
    return TOP + PLOT * (1 - sqrt(min(max(percent, 0.0), 100.0) / 100))


def _percent(value: float) -> str:
    return f"{value:.2f}%"


def _hours(start: datetime, end: datetime) -> list[datetime]:
    """Return every second full hour of the zone that is shown."""
    local = timezone.localtime(start).replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    full = [local + timedelta(hours=number) for number in range(8)]
    return [hour for hour in full if hour.hour % 2 == 0 and hour < end - timedelta(minutes=20)]
