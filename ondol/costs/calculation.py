"""The costs of a machine, from its record: how long it ran and was stopped × dated prices. Pure and exact.

EC2's rules: compute and the public address are paid by the second while the machine is `running` (not while it is
pending, stopping or stopped), at least 60 seconds for each start; disk and alarm by the second of the month from its
first run to its end.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_FLOOR, ROUND_HALF_UP, Decimal
from enum import StrEnum
from itertools import accumulate, groupby

from ondol.costs.months import Span
from ondol.costs.price_table import PriceTable
from ondol.instances.lifecycle import Reason, Status

MINIMUM = timedelta(seconds=60)
"""The shortest time that is billed for a start."""
TYPICAL_HOURS = 176
"""The hours in a month of 22 days with 8 hours each."""
_TYPICAL_SHARE = Decimal(TYPICAL_HOURS) / 730
PACE = timedelta(days=28)
"""The days whose pace a forecast continues: whole weeks, since nights and weekends are quiet."""
_PRESENT = {Status.RUNNING, Status.STOPPING, Status.STOPPED, Status.STARTING}
CENT, WON = Decimal("0.01"), Decimal(1)


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
        return (self.usd or Decimal(0)) * self.count * self.seconds / self.unit


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


def calculate(machines: Iterable[Sequence[Change]], prices: PriceTable, month: Span, now: datetime) -> Calculation:
    """Return a month of all machines of one person, as known at `now`."""
    lives = [life_of(changes, now) for changes in machines]
    to_come = [_rest_of_month(life, prices, month, now) for life in lives]
    rests = [(interval, _running(interval, interval.span)) for life in lives for interval in life if not interval.runs]
    lines = charge([use for life in lives for use in uses(life)], prices, month)
    return Calculation(
        lines=tuple(lines),
        to_run=sum((running for running, _ in to_come), Decimal(0)),
        to_rest=sum((resting for _, resting in to_come), Decimal(0)),
        saved=_sum(charge((use for _, would in rests for use in would), prices, month)),
        saved_by_idle=_sum(
            charge(
                (use for interval, would in rests if interval.change.reason is Reason.IDLE for use in would),
                prices,
                month,
            )
        ),
    )


def life_of(changes: Sequence[Change], now: datetime) -> list[Interval]:
    """Return what a machine did, without gaps, up to `now`."""
    # In whole seconds; and never backwards, whatever the source of the times.
    moments = list(accumulate([_whole(change.at) for change in changes], max))
    moments.append(max([*moments, _whole(now)]))
    found = []
    for index, change in enumerate(changes):
        after = changes[index + 1] if index + 1 < len(changes) else None
        runs = change.status is Status.RUNNING or _has_not_stopped(change, after)
        if change.status in _PRESENT:
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
    seconds: defaultdict[tuple[Item, str, int, Decimal | None], int] = defaultdict(int)
    for use in uses:
        billed = use.span.within(month)
        if billed.seconds:  # most of a forecast's weeks are in another month
            for span, usd in prices.over(use.what, billed):
                seconds[use.item, use.what, use.count, usd] += span.seconds
    lines = [
        Line(item, what, count, usd, paid, 3600 if item in _HOURLY else month.seconds)
        for (item, what, count, usd), paid in seconds.items()
        if paid
    ]
    order = list(Item)
    return sorted(lines, key=lambda line: (order.index(line.item), line.what, line.count, line.usd or 0))


def rounded(amounts: Sequence[Decimal], unit: Decimal = CENT) -> list[Decimal]:
    """Return amounts for display: each within a unit of the exact one, with their rounded sum (largest remainder)."""
    down = [amount.quantize(unit, ROUND_FLOOR) for amount in amounts]
    missing = int((sum(amounts, Decimal(0)).quantize(unit, ROUND_HALF_UP) - sum(down, Decimal(0))) / unit)
    for index in sorted(range(len(down)), key=lambda i: down[i] - amounts[i])[:missing]:
        down[index] += unit
    return down


def _rest_of_month(life: Sequence[Interval], prices: PriceTable, month: Span, now: datetime) -> tuple[Decimal, Decimal]:
    """Return what is still to come: for running, at the pace of the last weeks, and for disk and alarm."""
    if not life or life[-1].span.end < _whole(now):
        return Decimal(0), Decimal(0)
    rest = Span(max(_whole(now), month.start), month.end)
    running, present = (_sum(charge(part(life[-1], rest), prices, month)) for part in (_running, _present))
    return running * _pace(life, now), present


def _pace(life: Sequence[Interval], now: datetime) -> Decimal:
    """Return the share of time in which it runs. The days before a young machine are assumed to be typical ones."""
    lately = Span(_whole(now) - PACE, _whole(now))
    ran = sum(interval.span.within(lately).seconds for interval in life if interval.runs)
    lived = sum(interval.span.within(lately).seconds for interval in life)
    return (ran + _TYPICAL_SHARE * (lately.seconds - lived)) / lately.seconds


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
    """Return whether it was asked to stop, and ran on all the while."""
    failed = after is not None and after.reason is Reason.STOP_FAILED
    return change.status is Status.STOPPING and failed


def _whole(moment: datetime) -> datetime:
    return moment.replace(microsecond=0)


def _sum(lines: Iterable[Line]) -> Decimal:
    return sum((line.amount for line in lines), Decimal(0))
