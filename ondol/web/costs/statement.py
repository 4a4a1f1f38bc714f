"""How money is presented: lines in words, months to choose from, the table for a spreadsheet."""

import csv
import io
import unicodedata
from collections.abc import Iterable, Iterator
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
from ondol.costs.months import Month
from ondol.costs.prices import prices
from ondol.costs.reckoning import Item, Line
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
    """How much of it, at which price."""
    money: Money | None
    """None: it has no known price."""


@dataclass(frozen=True, slots=True)
class PriceLine:
    """What one thing costs now."""

    name: str | Promise
    unit: str
    price: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Account:
    """One person's month, as pages show it."""

    owner: User
    bill: Bill

    @property
    def lines(self) -> list[ShownLine]:
        return [_line(shown.line, shown.money) for shown in self.bill.lines]


def account_of(owner: User, month: Month) -> Account:
    """Of one person."""
    return Account(owner, bills.bill_of(owner, month))


def accounts_of(month: Month) -> list[Account]:
    """Of everybody who had a machine then, the dearest first."""
    found = bills.bills(month)
    owners = User.objects.in_bulk(found)
    accounts = [Account(owners[pk], bill) for pk, bill in found.items()]
    return sorted(accounts, key=lambda account: (-account.bill.total.usd, account.owner.name))


def months() -> list[Month]:
    """Those in which there were machines, the newest first; this one in any case."""
    now = clock.now()
    first = Instance.objects.order_by("created_at").values_list("created_at", flat=True).first()
    month, earliest = bills.this_month(now), bills.this_month(first or now)
    found = [month]
    while month > earliest:
        month = month.previous
        found.append(month)
    return found


def prices_in_force() -> list[PriceLine]:
    """Instance types by their price, then the rest."""
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


def table(month: Month, accounts: Iterable[Account]) -> str:
    """The month as CSV; with a byte-order mark, without which Excel takes Korean for Latin."""
    text = io.StringIO("\ufeff", newline="")
    text.seek(0, io.SEEK_END)
    csv.writer(text).writerows(_rows(month, accounts))
    return text.getvalue()


def _rows(month: Month, accounts: Iterable[Account]) -> Iterator[list[str]]:
    kinds = [_("%(what)s (USD)") % {"what": word} for word in ITEMS.values()]
    yield [
        *(_("Month"), _("Name"), _("E-mail"), _("Affiliation"), _("Hours"), *kinds, _("Total (USD)"), _("Total (KRW)")),
        *(_("Forecast (USD)"), _("Saved (USD)"), _("Budget (USD)")),
    ]
    for account in accounts:
        owner, bill = account.owner, account.bill
        yield [
            *(str(month), _text(owner.name), _text(owner.email), _text(owner.affiliation), f"{bill.hours:.3f}"),
            *(str(money.usd) for money in bills.by_item([bill]).values()),
            *(str(bill.total.usd), "" if bill.total.krw is None else str(bill.total.krw)),
            *(str(bill.forecast.usd), str(bill.saved.usd)),
            str(bill.standing.budget.usd) if bill.standing else "",
        ]


def _text(value: str) -> str:
    """What people have typed must not be a formula in a spreadsheet; East Asian ones read wide signs, too."""
    return f"'{value}" if unicodedata.normalize("NFKC", value).startswith(("=", "+", "-", "@", "\t", "\r")) else value


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
    return ShownLine(name, quantity % words, money)


def price(usd: Decimal) -> str:
    """All digits that count, and at least two: `$0.10`, `$0.0912`."""
    whole, _point, part = f"{usd.normalize():f}".partition(".")
    return f"${whole}.{part:0<2}"
