"""Everybody's month as a table for a spreadsheet."""

import csv
import io
import re
from collections.abc import Iterable, Iterator

from django.utils.translation import gettext as _

from ondol.costs import bills
from ondol.costs.months import Month
from ondol.web.costs.statement import ITEMS, Statement

_FORMULA = re.compile(r"\s*[=+@\-＝＋－＠]|[\t\r]")
_NEXT_CELL = re.compile(r"(?<=[;\t\r\n])(?=\s*[=+@\-＝＋－＠])")
"""Where a cell may begin within a text: other countries' files separate cells by a semicolon."""


def table(month: Month, statements: Iterable[Statement]) -> str:
    """Return the month as CSV; with a byte-order mark, without which Excel takes Korean for Latin."""
    text = io.StringIO("\ufeff", newline="")
    text.seek(0, io.SEEK_END)
    csv.writer(text).writerows(_rows(month, statements))
    return text.getvalue()


def _rows(month: Month, statements: Iterable[Statement]) -> Iterator[list[str]]:
    kinds = [_("%(what)s (USD)") % {"what": word} for word in ITEMS.values()]
    yield [
        *(_("Month"), _("Name"), _("E-mail"), _("Affiliation"), _("Hours"), *kinds, _("Total (USD)"), _("Total (KRW)")),
        *(_("Forecast (USD)"), _("Saved (USD)"), _("Budget (USD)")),
    ]
    for statement in statements:
        owner, bill = statement.owner, statement.bill
        yield [
            *(str(month), cell(owner.name), cell(owner.email), cell(owner.affiliation), f"{bill.hours:.3f}"),
            *(str(money.usd) for money in bills.by_item([bill]).values()),
            *(str(bill.total.usd), "" if bill.total.krw is None else str(bill.total.krw)),
            *(str(bill.forecast.usd), str(bill.saved.usd)),
            str(bill.budget_status.budget.usd) if bill.budget_status else "",
        ]


def cell(value: str) -> str:
    """Return a text of which a spreadsheet takes nothing for a formula; East Asian ones read full-width signs, too."""
    before = "'" if _FORMULA.match(value) else ""
    return before + value[:1] + _NEXT_CELL.sub("'", value[1:])
