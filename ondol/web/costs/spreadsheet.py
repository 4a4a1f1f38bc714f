"""Everybody's month as a table for a spreadsheet."""

from collections.abc import Iterable, Iterator

from django.utils.translation import gettext as _

from ondol.costs import bills
from ondol.costs.months import Month
from ondol.web.costs.statement import ITEMS, Statement
from ondol.web.spreadsheet import Cell


def heads() -> list[str]:
    """Return the first line, in the reader's language."""
    kinds = [_("%(what)s (USD)") % {"what": word} for word in ITEMS.values()]
    return [
        *(_("Month"), _("Name"), _("E-mail"), _("Affiliation"), _("Hours"), *kinds, _("Total (USD)"), _("Total (KRW)")),
        *(_("Forecast (USD)"), _("Saved (USD)"), _("Budget (USD)")),
    ]


def rows(month: Month, statements: Iterable[Statement]) -> Iterator[list[Cell]]:
    """Yield a line for each person."""
    for statement in statements:
        owner, bill = statement.owner, statement.bill
        yield [
            *(str(month), owner.name, owner.email, owner.affiliation, f"{bill.hours:.3f}"),
            *(money.usd for money in bills.by_item([bill]).values()),
            *(bill.total.usd, "" if bill.total.krw is None else bill.total.krw),
            *(bill.forecast.usd, bill.saved.usd),
            (bill.budget_status.budget.usd or "") if bill.budget_status else "",
        ]
