"""Everybody's month as a table, and the costs of a month as a column of other tables."""

from collections.abc import Iterable
from functools import cached_property
from typing import TypeVar

from django.db.models import Model, OuterRef, Q, QuerySet
from django.http import HttpRequest, QueryDict
from django.utils.translation import gettext_lazy as _

from ondol.accounts.models import User
from ondol.costs import bills, prepared, sums
from ondol.costs.bills import Money
from ondol.costs.calculation import Item
from ondol.costs.models import MonthFigure
from ondol.costs.months import Month
from ondol.costs.sums import Sums
from ondol.web.costs.statement import Statement
from ondol.web.tables import Choice, Column, Filter, Table

_AFFILIATIONS = 6
"""The most affiliations for which there is a filter; if there are more, people search and sort by them."""
_Row = TypeVar("_Row", bound=Model)
_BUDGETS = Filter(
    "budget",
    _("Budget"),
    (
        Choice("over", _("Over budget"), sums.OVER),
        Choice("near", _("At least 80%"), sums.NEAR),
        Choice("none", _("No budget"), Q(limit=None)),
    ),
)


class Everybody:
    """A month of all people who had a machine in it, from prepared figures."""

    def __init__(self, request: HttpRequest, month: Month) -> None:
        self._request, self._month = request, month

    @cached_property
    def table(self) -> Table[MonthFigure]:
        """Return the rows that the address asks for."""
        is_over = self._month != bills.this_month()
        return Table(
            self._request.GET,
            self._rows.select_related("owner"),
            _columns(is_over=is_over),
            "cost",
            filters=(_BUDGETS, *self._affiliations),
            searched=("owner__name", "owner__email", "owner__affiliation"),
            fixed={"month": str(self._month)} if is_over else {},
            counted=lambda: self.shown_sums.people,
        )

    @cached_property
    def sums(self) -> Sums:
        """Return the sums of all people's months."""
        return sums.sums(self._rows, bills.rate_in_won())

    @cached_property
    def shown_sums(self) -> Sums:
        """Return the sums of the matching rows, on all pages."""
        return sums.sums(self.table.rows.order_by(), bills.rate_in_won()) if self.table.is_narrowed else self.sums

    @property
    def by_item(self) -> dict[Item, Money]:
        """Return what was paid for each kind of thing."""
        return sums.by_item(self._basis, bills.rate_in_won())

    def statements(self, rows: Iterable[MonthFigure]) -> list[Statement]:
        """Return what each of these people sees of the month."""
        told = list(rows)
        found = {row.owner_id: prepared.tally_of(row, self._basis).calculation() for row in told}
        shown = bills.of_calculations(self._month, found)
        return [Statement(row.owner, shown[row.owner_id]) for row in told]

    @cached_property
    def _basis(self) -> prepared.Basis:
        return prepared.refresh(self._month)

    @cached_property
    def _rows(self) -> QuerySet[MonthFigure]:
        return sums.rows(self._basis)

    @property
    def _affiliations(self) -> tuple[Filter, ...]:
        people = User.objects.filter(month_figures__month=str(self._month)).exclude(affiliation="")
        names = people.order_by("affiliation").values_list("affiliation", flat=True).distinct()[: _AFFILIATIONS + 1]
        choices = tuple(Choice(name, name, Q(owner__affiliation=name)) for name in names)
        return (Filter("affiliation", _("Affiliation"), choices),) if 1 < len(choices) <= _AFFILIATIONS else ()


def with_cost(query: QueryDict, rows: QuerySet[_Row], owner: str) -> QuerySet[_Row]:
    """Return rows of another table with the `cost` of this month, if they are to be sorted by it."""
    if query.get("sort", "").removeprefix("-") != "cost":
        return rows
    basis = prepared.refresh(bills.this_month())
    return rows.annotate(cost=sums.total_of(OuterRef(owner), basis))  # type: ignore[return-value]  # a row with one more field


def _columns(*, is_over: bool) -> tuple[Column, ...]:
    def amount(key: str, word: object, field: str) -> Column:
        return Column(key, word, (field, "owner__name"), is_descending=True, is_amount=True)  # type: ignore[arg-type]

    return (
        Column("person", _("Person"), ("owner__name", "owner__email")),
        Column("affiliation", _("Affiliation"), ("owner__affiliation", "owner__name")),
        amount("cost", _("The whole month") if is_over else _("So far"), "total"),
        *(() if is_over else (amount("forecast", _("Forecast"), "forecast"),)),
        amount("hours", _("Running hours"), "seconds"),
        amount("saved", _("Saved"), "savings"),
        amount("budget", _("Budget"), "percent"),
    )
