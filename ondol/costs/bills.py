"""Bills as people see them: a month of a person, rounded so that everything adds up, in dollars and in won."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from functools import reduce
from operator import add

from ondol import clock
from ondol.accounts.models import User
from ondol.costs.calculation import CENT, PACE, WON, Calculation, Item, Line, calculate, rounded
from ondol.costs.limits import BudgetStatus, budgets
from ondol.costs.models import Budget, ExchangeRate
from ondol.costs.months import Month, Span
from ondol.costs.prepared import calculations, prepared_of
from ondol.costs.prices import prices
from ondol.costs.record import usage_by_owner, zone
from ondol.database.kept import Kept


@dataclass(frozen=True, slots=True)
class Money:
    """An amount as it is shown: in cents, and in whole won where a rate is set."""

    usd: Decimal = Decimal("0.00")
    krw: Decimal | None = None
    has_rest: bool = field(default=False, compare=False)
    """True if rounding has left out a part of it."""

    def __add__(self, other: "Money") -> "Money":
        krw = None if self.krw is None or other.krw is None else self.krw + other.krw
        return Money(self.usd + other.usd, krw, self.has_rest or other.has_rest)

    @property
    def is_tiny(self) -> bool:
        """Return whether it is more than nothing, and less than a cent."""
        return self.has_rest and not self.usd


@dataclass(frozen=True, slots=True)
class BillLine:
    """One thing at one price."""

    line: Line
    money: Money


@dataclass(frozen=True, slots=True)
class Bill:
    """A person's month. The lines add up to the total, in both currencies."""

    month: Month
    lines: tuple[BillLine, ...]
    total: Money
    forecast: Money
    saved: Money
    saved_by_idle: Money
    budget_status: BudgetStatus | None
    """None if there is no budget."""

    @property
    def hours(self) -> Decimal:
        """Return the hours of running, as billed."""
        return sum((shown.line.quantity for shown in self.lines if shown.line.item is Item.COMPUTE), Decimal(0))

    @property
    def unpriced(self) -> list[str]:
        """Return what has no known price, and is not in the total."""
        return [shown.line.what for shown in self.lines if shown.line.usd is None]


def this_month(now: datetime | None = None) -> Month:
    """Return the current month, on the machines' clock."""
    return Month.of(now or clock.now(), zone())


def exchange_rate() -> ExchangeRate | None:
    """Return the exchange rate in force."""
    return _RATE.first()


_RATE = Kept[ExchangeRate](lambda: ExchangeRate.objects.order_by("-pk")[:1])


def bills(month: Month, people: Collection[int] | None = None) -> dict[int, Bill]:
    """Return the bills by person, of all people for None; without those who had no machine in that month."""
    return of_calculations(month, dict(calculations(month, people)))


def of_calculations(month: Month, found: Mapping[int, Calculation]) -> dict[int, Bill]:
    """Return the bills for calculations that have been read already."""
    krw, limits = rate_in_won(), budgets(found.keys())
    return {owner: _bill(month, calculation, limits.get(owner), krw) for owner, calculation in found.items()}


def bill_of(user: User, month: Month) -> Bill:
    """Return one person's bill; without lines if there was no machine in that month."""
    found = prepared_of(user.pk, month) or dict(computed(month, [user.pk])).get(user.pk, Calculation())
    return _bill(month, found, budgets([user.pk]).get(user.pk), rate_in_won())


def computed(month: Month, people: Collection[int] | None = None) -> Iterator[tuple[int, Calculation]]:
    """Yield the exact costs by person, before rounding, from the record alone: milliseconds for each person.

    `calculations` yields the same from prepared figures.
    """
    now, span = clock.now(), month.span(zone())
    until = min(now, span.end)
    record = usage_by_owner(people, Span(min(span.start, until - PACE), span.end))
    table = prices()
    for owner, machines in record.items():
        calculation = calculate(machines, table, span, now)
        if calculation.lines:
            yield owner, calculation


def total(some: Iterable[Money]) -> Money:
    """Return the sum of some amounts."""
    amounts = list(some)
    return reduce(add, amounts) if amounts else Money()


def by_item(some: Iterable[Bill]) -> dict[Item, Money]:
    """Return what was paid for each kind of thing."""
    lines = [line for bill in some for line in bill.lines]
    return {item: total(shown.money for shown in lines if shown.line.item is item) for item in Item}


def rate_in_won() -> Decimal | None:
    """Return the price of a dollar in won; None if no rate is set."""
    rate = exchange_rate()
    return rate.krw if rate else None


def _bill(month: Month, calculation: Calculation, budget: Budget | None, krw: Decimal | None) -> Bill:
    budget_status = BudgetStatus(budget, calculation.total) if budget else None
    shown = _monies([line.amount for line in calculation.lines], krw, calculation.total)
    return Bill(
        month=month,
        lines=tuple(BillLine(line, money) for line, money in zip(calculation.lines, shown, strict=True)),
        total=money_of(calculation.total, krw),
        forecast=money_of(calculation.forecast(budget_status.room if budget_status else None), krw),
        saved=money_of(calculation.saved, krw),
        saved_by_idle=money_of(calculation.saved_by_idle, krw),
        budget_status=budget_status,
    )


def money_of(amount: Decimal, krw: Decimal | None) -> Money:
    """Return an amount rounded as all amounts are; `krw` is the rate, None where none is set."""
    return _monies([amount], krw)[0]


def _monies(amounts: Sequence[Decimal], krw: Decimal | None, exact: Decimal | None = None) -> list[Money]:
    """Return amounts as they are shown; `exact` is their sum where that is known more exactly than from them."""
    dollars = rounded(amounts, CENT, exact)
    won: Sequence[Decimal | None] = [None] * len(amounts)
    if krw is not None:
        won = rounded([amount * krw for amount in amounts], WON, None if exact is None else exact * krw)
    return [
        Money(usd, in_won, amount > 0 and not usd) for amount, usd, in_won in zip(amounts, dollars, won, strict=True)
    ]
