"""How a prepared figure is made from a person's machines, and the month that it gives for a moment. Pure.

Between two events, costs grow evenly: a running machine costs the same each second, and so does the disk of a stopped
one. So two moments are enough: the figures now, and a second later.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from ondol.costs.calculation import MINIMUM, PACE, Change, Interval, Item, Key, Tally, in_order, life_of, tally, whole
from ondol.costs.months import Span
from ondol.costs.price_table import PriceTable

VERSION = 1
"""Raised with each change of the calculation: figures of another version are ignored."""
SECOND = timedelta(seconds=1)
NEVER = datetime(9999, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Prepared:
    """A month as it was at one moment, and one second later."""

    at: datetime
    valid_until: datetime
    now: Tally
    later: Tally

    def tally_at(self, moment: datetime) -> Tally:
        """Return the month at a moment from `at` up to, but not including, `valid_until`."""
        seconds = int((whole(moment) - self.at).total_seconds())

        def grown(before: int, after: int) -> int:
            return before + (after - before) * seconds

        def worth(before: Decimal, after: Decimal) -> Decimal:
            return before + (after - before) * seconds

        now, later = self.now, self.later
        return Tally(
            month_seconds=now.month_seconds,
            paid={key: grown(now.paid.get(key, 0), later.paid.get(key, 0)) for key in self.keys},
            saved=worth(now.saved, later.saved),
            saved_by_idle=worth(now.saved_by_idle, later.saved_by_idle),
            running=worth(now.running, later.running),
            pace=grown(now.pace, later.pace),
            to_rest=worth(now.to_rest, later.to_rest),
        )

    @property
    def keys(self) -> list[Key]:
        """Return all lines, in the order of a bill."""
        return in_order({*self.now.paid, *self.later.paid})


def prepare(machines: Sequence[Sequence[Change]], prices: PriceTable, month: Span, now: datetime) -> Prepared:
    """Return the month of one person's machines."""
    at = whole(now)
    lives, soon = ([life_of(changes, moment) for changes in machines] for moment in (at, at + SECOND))
    return Prepared(
        at=at,
        valid_until=_valid_until(machines, lives, prices, month, at),
        now=tally(lives, prices, month, at),
        later=tally(soon, prices, month, at + SECOND),
    )


def hours_of(paid: Tally) -> int:
    """Return the seconds of running."""
    return sum(seconds for key, seconds in paid.paid.items() if key[0] is Item.COMPUTE)


def _valid_until(
    machines: Sequence[Sequence[Change]],
    lives: Sequence[Sequence[Interval]],
    prices: PriceTable,
    month: Span,
    at: datetime,
) -> datetime:
    """Return the next moment at which a rate changes."""
    if any(whole(change.at) >= at for changes in machines for change in changes):
        return at + SECOND  # the second in which it happens, or a clock that is ahead
    if at >= month.end:
        return NEVER
    if sum(bool(life) and life[-1].span.end >= at for life in lives) > 1:
        return at + SECOND  # nobody has two; the product of costs and pace would not grow evenly
    ends = [month.start, month.end, prices.next_change(at) or month.end]
    for life in lives:
        for interval in life:
            # A start is billed for a minute at least; a run leaves the weeks whose pace a forecast continues.
            span = interval.span
            ends += [span.start + MINIMUM, span.start + PACE]
    return min(end for end in ends if end > at)
