"""Prepared figures: made after changes of the record, read instead of it, and compared with it every night."""

import logging
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from hashlib import md5
from typing import Any

from django.db import connection
from django.db.models import Exists, Max, OuterRef, Q, QuerySet

from ondol import clock
from ondol.costs.calculation import PACE, Calculation, Change, Item, Key, Tally, line_of, worth
from ondol.costs.figures import VERSION, Prepared, hours_of, prepare
from ondol.costs.models import MonthFigure
from ondol.costs.months import Month, Span
from ondol.costs.price_table import PriceTable
from ondol.costs.prices import prices
from ondol.costs.record import usage_by_owner, zone
from ondol.database.kept import Kept
from ondol.instances.models import StatusChange

log = logging.getLogger(__name__)
_AT_ONCE = 100
"""The number of people whose figures one statement writes; a kill loses at most so many."""
_SETTLED = 60
"""The real seconds after which every change of status with a lower id is surely committed."""
_NUMBERS = ("hours", "paid", "saved", "saved_by_idle", "running", "pace", "to_rest")
"""The numbers that grow: each has a rate."""
_STALE = """
SELECT DISTINCT machine.owner_id
FROM instances_instance machine
LEFT JOIN costs_monthfigure figure ON figure.owner_id = machine.owner_id AND figure.month = %(month)s
WHERE machine.created_at < %(end)s AND NOT (machine.status = 'TERMINATED' AND machine.status_since < %(start)s)
  AND (%(people)s::bigint[] IS NULL OR machine.owner_id = ANY(%(people)s))
  AND (figure.id IS NULL OR figure.basis <> %(basis)s OR figure.at > %(now)s OR figure.valid_until <= %(now)s
    OR NOT figure.is_final AND EXISTS (
      SELECT FROM instances_statuschange WHERE instance_id = machine.id AND id > figure.last_change))
ORDER BY machine.owner_id
"""


@dataclass(frozen=True, slots=True)
class Basis:
    """What figures of a month are made with."""

    month: Month
    span: Span
    prices: PriceTable
    now: datetime
    fingerprint: str
    """A different fingerprint makes figures invalid."""

    @classmethod
    def of(cls, month: Month) -> "Basis":
        """Return what figures of a month are made with now."""
        span, table = month.span(zone()), prices()
        told = f"{VERSION} {span.start.timestamp():.0f} {span.seconds} {table.fingerprint}"
        return cls(month, span, table, clock.now(), md5(told.encode(), usedforsecurity=False).hexdigest())

    @property
    def seconds(self) -> int:
        """Return the whole seconds since the month began."""
        return int((self.now - self.span.start).total_seconds() // 1)


def stale(basis: Basis, people: Collection[int] | None = None) -> list[int]:
    """Return whose figure is missing or out of date, of those who had a machine in that month."""
    with connection.cursor() as cursor:
        cursor.execute(
            _STALE,
            {
                "month": str(basis.month), "start": basis.span.start, "end": basis.span.end, "now": basis.now,
                "basis": basis.fingerprint, "people": None if people is None else list(people),
            },
        )  # fmt: skip
        return [owner for (owner,) in cursor.fetchall()]


def refresh(month: Month, people: Collection[int] | None = None) -> Basis:
    """Make the figures that are missing or out of date, and return what they are made with.

    It may run twice at once, and end at any moment: each figure is written whole, with the change that it goes up to.
    """
    basis = Basis.of(month)
    make(basis, stale(basis, people))
    return basis


def make(basis: Basis, owners: Sequence[int]) -> None:
    """Make the figures of these people."""
    for first in range(0, len(owners), _AT_ONCE):
        _make(basis, owners[first : first + _AT_ONCE])


def calculations(month: Month, people: Collection[int] | None = None) -> Iterator[tuple[int, Calculation]]:
    """Yield the exact costs by person, of all people for None, as `bills.computed` does."""
    basis = refresh(month, people)
    rows = MonthFigure.objects.filter(month=str(month), basis=basis.fingerprint, is_billed=True)
    if people is not None:
        rows = rows.filter(owner__in=people)
    for row in rows:
        yield row.owner_id, tally_of(row, basis).calculation()


def prepared_of(owner: int, month: Month) -> Calculation | None:
    """Return the exact costs of one person from the prepared figure; None if there is none that still holds. It makes
    no figure: computing one bill takes less time."""
    basis = Basis.of(month)
    row = _HOLDS.first(owner, str(month), basis.fingerprint, basis.now)
    if row is None:
        return None
    found = tally_of(row, basis).calculation()
    return found if found.lines else Calculation()


def _holding(owner: int, month: str, basis: str, now: datetime) -> QuerySet[MonthFigure]:
    later = StatusChange.objects.filter(instance__owner=owner, pk__gt=OuterRef("last_change"))
    figures = MonthFigure.objects.filter(owner=owner, month=month, basis=basis, at__lte=now, valid_until__gt=now)
    return figures.filter(Q(is_final=True) | ~Exists(later))


_HOLDS = Kept[MonthFigure](_holding, 1, "2000-01", "f", datetime(2000, 1, 1, tzinfo=UTC))


def tally_of(row: MonthFigure, basis: Basis) -> Tally:
    """Return what a figure says at that moment."""
    grown = {name: getattr(row, name) + getattr(row, f"{name}_rate") * basis.seconds for name in _NUMBERS}
    return Tally(
        month_seconds=basis.span.seconds,
        paid={_key(line): line[4] + line[5] * basis.seconds for line in row.lines},
        **{name: grown[name] for name in ("saved", "saved_by_idle", "running", "pace", "to_rest")},
    )


def differing(month: Month) -> list[int]:
    """Return whose figure is not what the record says, and make these again. This happens only if somebody has written
    into a table by hand."""
    basis = refresh(month)
    rows = {row.owner_id: row for row in MonthFigure.objects.filter(month=str(month), basis=basis.fingerprint)}
    wrong = []
    for first in range(0, len(rows), _AT_ONCE):
        owners = sorted(rows)[first : first + _AT_ONCE]
        record = _record(basis, owners)
        changed = set(stale(basis, owners))  # changed meanwhile, so not wrong
        wrong += [o for o in owners if o not in changed and not _agrees(rows[o], record.get(o, []), basis)]
    MonthFigure.objects.filter(month=str(month), owner__in=wrong).delete()
    for owner in wrong:
        log.error("a prepared figure is not what the record says", extra={"owner": owner, "month": str(month)})
    refresh(month, wrong)
    return wrong


def _agrees(row: MonthFigure, machines: Sequence[Sequence[Change]], basis: Basis) -> bool:
    exact = prepare(machines, basis.prices, basis.span, basis.now).now
    figure = tally_of(row, basis)
    paid = row.paid + row.paid_rate * basis.seconds, row.hours + row.hours_rate * basis.seconds
    return figure.calculation() == exact.calculation() and paid == (_paid(exact), hours_of(exact))


def _make(basis: Basis, owners: Sequence[int]) -> None:
    machines = StatusChange.objects.filter(instance__owner__in=owners).order_by()
    # Both are read before the record: what is written meanwhile makes the figure stale, perhaps once too often.
    last, final = dict(machines.values_list("instance__owner").annotate(Max("pk"))), _final(basis, owners)
    record = _record(basis, owners)
    rows = [_row(basis, owner, record.get(owner, []), last.get(owner, 0), owner in final) for owner in owners]
    names = [field.name for field in MonthFigure._meta.concrete_fields if field.name not in {"id", "owner", "month"}]
    MonthFigure.objects.bulk_create(rows, update_conflicts=True, unique_fields=["month", "owner"], update_fields=names)


def _record(basis: Basis, owners: Collection[int]) -> dict[int, list[list[Change]]]:
    until = min(basis.now, basis.span.end)
    return usage_by_owner(owners, Span(min(basis.span.start, until - PACE), basis.span.end))


def _final(basis: Basis, owners: Collection[int]) -> set[int]:
    """Return the people of whose machines no later change can affect that month."""
    if basis.now < basis.span.end:
        return set()
    with connection.cursor() as cursor:
        cursor.execute(_OPEN, {"end": basis.span.end, "start": basis.span.start, "people": list(owners)})
        return set(owners) - {owner for (owner,) in cursor.fetchall()}


_OPEN = """
SELECT DISTINCT owner_id FROM instances_instance machine
WHERE owner_id = ANY(%(people)s) AND created_at < %(end)s
  AND NOT (status = 'TERMINATED' AND status_since < %(start)s)
  AND NOT EXISTS (SELECT FROM instances_statuschange WHERE instance_id = machine.id AND at >= %(end)s
    AND NOT (new = 'STOPPING' AND reason = 'UNKNOWN'))
  AND status <> 'TERMINATED'
"""


def _row(
    basis: Basis, owner: int, machines: Sequence[Sequence[Change]], last_change: int, is_final: bool
) -> MonthFigure:
    made = prepare(machines, basis.prices, basis.span, basis.now)
    newest = max((change.at for changes in machines for change in changes), default=None)
    settles = newest + clock.real_seconds(_SETTLED) if newest else made.valid_until
    return MonthFigure(
        owner_id=owner,
        month=str(basis.month),
        basis=basis.fingerprint,
        at=made.at,
        valid_until=min(made.valid_until, settles) if settles > basis.now else made.valid_until,
        last_change=last_change,
        is_final=is_final,
        is_billed=any(made.now.paid.values()),
        **_numbers(made, basis),
    )


def _numbers(made: Prepared, basis: Basis) -> dict[str, Any]:
    since = int((made.at - basis.span.start).total_seconds())
    found: dict[str, Any] = {}
    for name in _NUMBERS:
        now, later = (_number(name, told) for told in (made.now, made.later))
        found |= {name: now - (later - now) * since, f"{name}_rate": later - now}
    lines = []
    for key in made.keys:
        now, later = made.now.paid.get(key, 0), made.later.paid.get(key, 0)
        item, what, count, usd = key
        price = None if usd is None else str(usd)
        lines.append([item, what, count, price, now - (later - now) * since, later - now])
    return {**found, "lines": lines}


def _number(name: str, told: Tally) -> Any:
    match name:
        case "hours":
            return hours_of(told)
        case "paid":
            return _paid(told)
    return getattr(told, name)


def _paid(told: Tally) -> Decimal:
    lines = (line_of(key, seconds, told.month_seconds) for key, seconds in told.paid.items())
    return worth(lines, told.scale)


def _key(line: Sequence[Any]) -> Key:
    return Item(line[0]), line[1], line[2], None if line[3] is None else Decimal(line[3])
