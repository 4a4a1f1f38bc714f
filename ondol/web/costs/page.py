"""A month's costs: your own, one person's, everybody's."""

from datetime import datetime
from decimal import Decimal
from functools import cached_property
from urllib.parse import urlsplit

from django.db.models import Sum
from django.http import Http404, HttpRequest, QueryDict
from django.utils.functional import Promise

from ondol import clock
from ondol.accounts.models import User
from ondol.autostop.models import MetricsRead
from ondol.config import config
from ondol.costs import bills
from ondol.costs.bills import Money
from ondol.costs.limits import for_everybody
from ondol.costs.models import Budget, ExchangeRate, MonthFigure, PriceCheck
from ondol.costs.months import Month
from ondol.costs.sums import Sums
from ondol.web.costs.everybody import Everybody
from ondol.web.costs.forms import BudgetForm, RateForm
from ondol.web.costs.statement import (
    ITEMS,
    PriceLine,
    Statement,
    months,
    prices_in_force,
    statement_of,
)
from ondol.web.page import Page
from ondol.web.tables import Table

METRIC_USD = Decimal("0.00001")
"""The price of one metric in GetMetricData, in all regions; there is no free tier."""


def month_of(request: HttpRequest) -> Month:
    """Return the requested month, or the current one; Http404 for one that is not valid or has not begun."""
    now = bills.this_month()
    try:
        month = Month.parse(request.GET["month"]) if "month" in request.GET else now
    except ValueError:
        raise Http404 from None
    if month > now:
        raise Http404
    return month


class MonthPage(Page):
    """Hold what all pages about a month share."""

    month: Month

    def __init__(self, request: HttpRequest) -> None:
        self.month = month_of(request)

    @cached_property
    def months(self) -> list[Month]:
        """Return the months to choose from."""
        return months()

    @cached_property
    def is_over(self) -> bool:
        return self.month != bills.this_month()

    @cached_property
    def rate(self) -> ExchangeRate | None:
        return bills.exchange_rate()


class MyCostsPage(MonthPage):
    """Show what the reader's machine costs, line by line."""

    template = "costs/mine.html"
    person: User

    def __init__(self, request: HttpRequest, person: User) -> None:
        super().__init__(request)
        self.person = person

    @cached_property
    def statement(self) -> Statement:
        return statement_of(self.person, self.month)


class PersonCostsPage(MyCostsPage):
    """Show what one person's machine costs, and their budget."""

    template = "costs/person.html"
    budget_form: BudgetForm

    def __init__(self, request: HttpRequest, person: User, budget_form: BudgetForm) -> None:
        super().__init__(request, person)
        self.budget_form = budget_form

    @cached_property
    def for_everybody(self) -> Budget | None:
        """Return the default budget."""
        return for_everybody()


class EverybodysCostsPage(MonthPage):
    """Show totals, each person, prices, the rate and budgets."""

    template = "costs/everybody.html"
    rate_form: RateForm
    budget_form: BudgetForm
    everybody: Everybody

    def __init__(self, request: HttpRequest, rate_form: RateForm, budget_form: BudgetForm) -> None:
        super().__init__(request)
        self.rate_form, self.budget_form = rate_form, budget_form
        self.everybody = Everybody(request, self.month)

    @property
    def table(self) -> Table[MonthFigure]:
        return self.everybody.table

    @cached_property
    def statements(self) -> list[Statement]:
        """Return those of one page of the table."""
        return self.everybody.statements(self.table.page.object_list)

    @property
    def sums(self) -> Sums:
        return self.everybody.sums

    @property
    def shown_sums(self) -> Sums:
        """Return the sums of all rows that the address asks for."""
        return self.everybody.shown_sums

    @property
    def kinds(self) -> list[tuple[str | Promise, Money]]:
        """Return what was paid for, and how much for each kind."""
        return [(ITEMS[item], money) for item, money in self.everybody.by_item.items()]

    @property
    def csv(self) -> str:
        """Return the query of the file with the same rows."""
        query = QueryDict(self.table.query.removeprefix("?"), mutable=True)
        query["month"] = str(self.month)
        return f"?{query.urlencode()}"

    @property
    def place(self) -> str:
        """Return the address of this Ondol, for printed pages."""
        return urlsplit(config().url).netloc

    @property
    def now(self) -> datetime:
        """Return when the page was made, for printed pages."""
        return clock.now()

    @cached_property
    def metrics(self) -> int:
        """Return how many metrics CloudWatch was asked for in this month, by AWS's calendar: they are on no bill."""
        days = MetricsRead.objects.filter(day__year=self.month.year, day__month=self.month.number)
        return days.aggregate(sum=Sum("count"))["sum"] or 0

    @property
    def metrics_usd(self) -> Decimal:
        return self.metrics * METRIC_USD

    @cached_property
    def prices(self) -> list[PriceLine]:
        return prices_in_force()

    @cached_property
    def price_check(self) -> PriceCheck | None:
        return PriceCheck.objects.first()
