"""How a month is presented: lines in words, months to choose from, prices in force."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ondol import clock
from ondol.accounts.models import User
from ondol.costs import bills
from ondol.costs.bills import Bill, Money
from ondol.costs.calculation import Item, Line
from ondol.costs.months import Month
from ondol.costs.prices import prices
from ondol.instances.models import Instance

ITEMS: dict[Item, str | Promise] = {
    Item.COMPUTE: gettext_lazy("Compute"),
    Item.ADDRESS: gettext_lazy("Public address (IPv4)"),
    Item.DISK: gettext_lazy("Disk"),
    Item.ALARM: gettext_lazy("Auto-stop alarm"),
}


@dataclass(frozen=True, slots=True)
class ShownLine:
    """A line of a bill in words."""

    name: str
    quantity: str
    """The amount and its price."""
    money: Money | None
    """None if it has no known price."""


@dataclass(frozen=True, slots=True)
class PriceLine:
    """What one thing costs now."""

    name: str | Promise
    unit: str
    price: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Statement:
    """One person's month, as pages show it."""

    owner: User
    bill: Bill

    @property
    def lines(self) -> list[ShownLine]:
        return [_line(shown.line, shown.money) for shown in self.bill.lines]


def statement_of(owner: User, month: Month) -> Statement:
    """Return the month of one person."""
    return Statement(owner, bills.bill_of(owner, month))


def months() -> list[Month]:
    """Return the months in which there were machines, the newest first; the current one in any case."""
    now = clock.now()
    first = Instance.objects.order_by("created_at").values_list("created_at", flat=True).first()
    month, earliest = bills.this_month(now), bills.this_month(first or now)
    found = [month]
    while month > earliest:
        month = month.previous
        found.append(month)
    return found


def prices_in_force() -> list[PriceLine]:
    """Return the prices: instance types by their price, then the rest."""
    known = prices().in_force(clock.now())
    rest = {Item.ADDRESS: _("an hour"), Item.DISK: _("a GiB and month"), Item.ALARM: _("a month")}
    types = sorted((dated.usd, what) for what, dated in known.items() if what not in rest)
    return [
        *(PriceLine(what, _("an hour"), price(usd), known[what].since) for usd, what in types),
        *(
            PriceLine(ITEMS[item], unit, price(known[item].usd), known[item].since)
            for item, unit in rest.items()
            if item in known
        ),
    ]


def _line(line: Line, money: Money) -> ShownLine:
    name = str(ITEMS[line.item])
    words = {"n": f"{line.quantity:,.3f}", "price": price(line.usd or Decimal(0))}
    match line.item:
        case Item.COMPUTE:
            quantity = _("%(n)s hours × %(price)s")
            name = f"{name} · {line.what}"
        case Item.ADDRESS:
            quantity = _("%(n)s hours × %(price)s")
        case Item.DISK:
            quantity = _("%(n)s GiB-months × %(price)s")
            name = f"{name} · {line.what}, {line.count} GiB"
        case Item.ALARM:
            quantity = _("%(n)s months × %(price)s")
    if line.usd is None:
        return ShownLine(name, _("%(n)s hours, no price known") % words, None)
    # A line does not end between the sign and the price.
    return ShownLine(name, (quantity % words).replace("× ", "×\N{NO-BREAK SPACE}"), money)


def price(usd: Decimal) -> str:
    """Return a price with all digits that count, and at least two: `$0.10`, `$0.0912`."""
    whole, _point, part = f"{usd.normalize():f}".partition(".")
    return f"${whole}.{part:0<2}"
