"""The costs of a machine, from its record: how long it ran and was stopped × dated prices. Pure and exact.

EC2's rules: compute and the public address are paid by the second while the machine is `running` (not while it is
pending, stopping or stopped), at least 60 seconds for each start; disk and alarm by the second of the month from its
first run to its end.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import ROUND_FLOOR, ROUND_HALF_UP, Decimal, localcontext
from enum import StrEnum
from itertools import accumulate, groupby
from math import lcm

from ondol.costs.months import Span
from ondol.costs.price_table import PriceTable
from ondol.instances.states import PRESENT, Reason, Status

MINIMUM = timedelta(seconds=60)
"""The shortest time that is billed for a start."""
TYPICAL_HOURS = 176
"""The hours in a month of 22 days with 8 hours each."""
AVERAGE_HOURS = 730
"""The hours in a month, on average."""
PACE = timedelta(days=28)
"""The days whose pace a forecast continues: whole weeks, since nights and weekends are quiet."""
CENT, WON = Decimal("0.01"), Decimal(1)
_EXACT = Decimal("1e-12")
"""Amounts are divided once and rounded to this, so that Python and PostgreSQL come to the same digits."""
_DIGITS = 60


class Item(StrEnum):
    """What is paid for. All but compute, whose prices go by the instance type, are keys of the price table."""

    COMPUTE = "compute"
    ADDRESS = "public-ipv4"
    DISK = "gp3"
    ALARM = "alarm"


_HOURLY = {Item.COMPUTE, Item.ADDRESS}


@dataclass(frozen=True, slots=True)
class Change:
    """A line of a machine's record: its new status, and its size from then on."""

    at: datetime
    status: Status
    reason: Reason
    instance_type: str
    volume_gib: int


@dataclass(frozen=True, slots=True)
class Interval:
    """Time in which a machine ran or was stopped; together they are its life, from its first run to its end."""

    span: Span
    runs: bool
    change: Change
    """The change that began it."""


@dataclass(frozen=True, slots=True)
class Use:
    """Something that is paid for over some time: `count` of `what`."""

    item: Item
    what: str
    count: int
    span: Span


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a bill: one thing at one price."""

    item: Item
    what: str
    count: int
    usd: Decimal | None
    """The price of an hour (compute, address) or month (disk: of a GiB); None if no price is known."""
    seconds: int
    unit: int
    """The seconds of an hour, or of the month."""

    @property
    def quantity(self) -> Decimal:
        """Return hours, GiB-months or months."""
        return Decimal(self.count * self.seconds) / self.unit

    @property
    def amount(self) -> Decimal:
        """Return US dollars; 0 where no price is known."""
        return _sum([self])

    def worth(self, scale: int) -> Decimal:
        """Return the amount times `scale`, which the unit divides: nothing is rounded."""
        return (self.usd or Decimal(0)) * (self.count * self.seconds * (scale // self.unit))


@dataclass(frozen=True, slots=True)
class Calculation:
    """A person's month, in US dollars."""

    lines: tuple[Line, ...] = ()
    to_run: Decimal = Decimal(0)
    """The costs of running in the rest of the month, at the pace of the last weeks."""
    to_rest: Decimal = Decimal(0)
    """The costs of disk and alarm in the rest of the month, which come in any case."""
    saved: Decimal = Decimal(0)
    """The savings against running all the time."""
    saved_by_idle: Decimal = Decimal(0)
    """The part of the savings that is due to auto-stop."""

    @property
    def total(self) -> Decimal:
        return _sum(self.lines)

    def forecast(self, room: Decimal | None = None) -> Decimal:
        """Return the costs of the whole month at this pace; `room` is what may be spent before the machine is
        stopped."""
        return self.total + self.to_rest + (self.to_run if room is None else min(self.to_run, max(room, Decimal(0))))


Key = tuple[Item, str, int, Decimal | None]
"""What a line is about: the item, what, the count and the price."""


@dataclass(frozen=True, slots=True)
class Tally:
    """A person's month at one moment, before anything is divided: exact numbers, of which each grows evenly until
    something happens. Money is in dollars times `scale`."""

    month_seconds: int
    paid: Mapping[Key, int] = field(default_factory=dict)
    """The seconds of each line, in the order of the bill."""
    saved: Decimal = Decimal(0)
    saved_by_idle: Decimal = Decimal(0)
    running: Decimal = Decimal(0)
    """The costs of running through the rest of the month."""
    pace: int = 0
    """The share of it in which the machine will run, times `PACE_SCALE`."""
    to_rest: Decimal = Decimal(0)

    @property
    def scale(self) -> int:
        return scale_of(self.month_seconds)

    def calculation(self) -> Calculation:
        """Return the month in dollars."""
        return Calculation(
            lines=tuple(line_of(key, seconds, self.month_seconds) for key, seconds in self.paid.items() if seconds),
            to_run=_divided(self.running * self.pace, self.scale * PACE_SCALE),
            to_rest=_divided(self.to_rest, self.scale),
            saved=_divided(self.saved, self.scale),
            saved_by_idle=_divided(self.saved_by_idle, self.scale),
        )


PACE_SCALE = AVERAGE_HOURS * int(PACE.total_seconds())


def scale_of(month_seconds: int) -> int:
    """Return by what dollars are multiplied, so that neither prices of hours nor of months have to be divided."""
    return lcm(3600, month_seconds)


def calculate(machines: Iterable[Sequence[Change]], prices: PriceTable, month: Span, now: datetime) -> Calculation:
    """Return a month of all machines of one person, as known at `now`."""
    return tally([life_of(changes, now) for changes in machines], prices, month, now).calculation()


def tally(lives: Sequence[Sequence[Interval]], prices: PriceTable, month: Span, now: datetime) -> Tally:
    """Return the same, before anything is divided."""
    scale = scale_of(month.seconds)
    rests = [(interval, _running(interval, interval.span)) for life in lives for interval in life if not interval.runs]
    idle = [use for interval, would in rests if interval.change.reason is Reason.IDLE for use in would]
    there = [life[-1] for life in lives if life and life[-1].span.end >= whole(now)]
    paces = [_pace(life, now) for life in lives if life and life[-1].span.end >= whole(now)]
    rest = Span(max(whole(now), month.start), month.end)
    running = [worth(charge(_running(last, rest), prices, month), scale) for last in there]
    if len(running) > 1:  # only in the second in which one machine ends and the next begins
        running, paces = [sum((a * b for a, b in zip(running, paces, strict=True)), Decimal(0))], [1]
    lines = charge([use for life in lives for use in uses(life)], prices, month)
    return Tally(
        month_seconds=month.seconds,
        paid={key_of(line): line.seconds for line in lines},
        saved=worth(charge((use for _, would in rests for use in would), prices, month), scale),
        saved_by_idle=worth(charge(idle, prices, month), scale),
        running=sum(running, Decimal(0)),
        pace=sum(paces),
        to_rest=sum((worth(charge(_present(last, rest), prices, month), scale) for last in there), Decimal(0)),
    )


def line_of(key: Key, seconds: int, month_seconds: int) -> Line:
    """Return a line of a bill."""
    return Line(*key, seconds, 3600 if key[0] in _HOURLY else month_seconds)


def key_of(line: Line) -> Key:
    """Return what a line is about."""
    return line.item, line.what, line.count, line.usd


def in_order(keys: Iterable[Key]) -> list[Key]:
    """Return lines in the order of a bill."""
    order = list(Item)
    return sorted(keys, key=lambda key: (order.index(key[0]), key[1], key[2], key[3] or 0))


def worth(lines: Iterable[Line], scale: int) -> Decimal:
    """Return what lines cost, times `scale`: nothing is rounded."""
    with localcontext(prec=_DIGITS):
        return sum((line.worth(scale) for line in lines), Decimal(0))


def life_of(changes: Sequence[Change], now: datetime) -> list[Interval]:
    """Return what a machine did, without gaps, up to `now`."""
    # In whole seconds; and never backwards, whatever the source of the times.
    moments = list(accumulate([whole(change.at) for change in changes], max))
    moments.append(max([*moments, whole(now)]))
    found = []
    for index, change in enumerate(changes):
        after = changes[index + 1] if index + 1 < len(changes) else None
        runs = change.status is Status.RUNNING or _has_not_stopped(change, after)
        if change.status in PRESENT:
            found.append(Interval(Span(moments[index], moments[index + 1]), runs, change))
    return found


def uses(life: Sequence[Interval]) -> Iterator[Use]:
    """Yield everything that this life is billed for."""
    for runs, intervals in groupby(life, key=lambda interval: interval.runs):
        if runs:
            run = list(intervals)
            start, end = run[0].span.start, run[-1].span.end
            yield from _running(run[0], Span(start, max(end, start + MINIMUM)))
    for interval in life:
        yield from _present(interval, interval.span)


def charge(uses: Iterable[Use], prices: PriceTable, month: Span) -> list[Line]:
    """Return the lines of a month: for each thing and price, all of its time together."""
    # Runs for each interval of everybody: written out, since `within` and `seconds` take twice as long.
    alike: defaultdict[tuple[Item, str, int], int] = defaultdict(int)
    seconds: defaultdict[Key, int] = defaultdict(int)
    for use in uses:
        start = use.span.start if use.span.start > month.start else month.start
        end = use.span.end if use.span.end < month.end else month.end
        if end <= start:  # most of a forecast's weeks are in another month
            continue
        if prices.changes(use.what):
            for span, usd in prices.over(use.what, Span(start, end)):
                seconds[use.item, use.what, use.count, usd] += span.seconds
        else:
            length = end - start
            alike[use.item, use.what, use.count] += 86400 * length.days + length.seconds
    for (item, what, count), some in alike.items():
        known = prices.at(what, month.start)
        seconds[item, what, count, known.usd if known else None] += some
    return [line_of(key, seconds[key], month.seconds) for key in in_order(seconds) if seconds[key]]


def rounded(amounts: Sequence[Decimal], unit: Decimal = CENT, total: Decimal | None = None) -> list[Decimal]:
    """Return amounts for display: each within a unit of the exact one, with their rounded sum (largest remainder).

    `total` is the sum where that is known more exactly than from these amounts.
    """
    down = [amount.quantize(unit, ROUND_FLOOR) for amount in amounts]
    exact = sum(amounts, Decimal(0)) if total is None else total
    missing = int((exact.quantize(unit, ROUND_HALF_UP) - sum(down, Decimal(0))) / unit)
    for index in sorted(range(len(down)), key=lambda i: down[i] - amounts[i])[:missing]:
        down[index] += unit
    return down


def _pace(life: Sequence[Interval], now: datetime) -> int:
    """Return the share of time in which it runs, times `PACE_SCALE`. The days before a young machine are assumed to be
    typical ones."""
    lately = Span(whole(now) - PACE, whole(now))
    ran = sum(interval.span.within(lately).seconds for interval in life if interval.runs)
    lived = sum(interval.span.within(lately).seconds for interval in life)
    return AVERAGE_HOURS * ran + TYPICAL_HOURS * (lately.seconds - lived)


def _running(interval: Interval, span: Span) -> list[Use]:
    return [
        Use(Item.COMPUTE, interval.change.instance_type, 1, span),
        Use(Item.ADDRESS, Item.ADDRESS, 1, span),
    ]


def _present(interval: Interval, span: Span) -> list[Use]:
    return [
        Use(Item.DISK, Item.DISK, interval.change.volume_gib, span),
        Use(Item.ALARM, Item.ALARM, 1, span),
    ]


def _has_not_stopped(change: Change, after: Change | None) -> bool:
    """Return whether it was asked to stop, and went on running."""
    failed = after is not None and after.reason is Reason.STOP_FAILED
    return change.status is Status.STOPPING and failed


def whole(moment: datetime) -> datetime:
    """Return a moment without the fraction of its second."""
    return moment.replace(microsecond=0)


def _sum(lines: Sequence[Line]) -> Decimal:
    scale = lcm(*{line.unit for line in lines})
    return _divided(worth(lines, scale), scale)


def _divided(numerator: Decimal, denominator: int) -> Decimal:
    with localcontext(prec=_DIGITS):
        return (numerator / denominator).quantize(_EXACT, ROUND_HALF_UP)
