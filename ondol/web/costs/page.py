"""A month's costs: your own, one person's, everybody's."""

from collections.abc import Callable
from decimal import Decimal
from functools import cached_property

from django.core import paginator
from django.db.models import Sum
from django.http import Http404, HttpRequest
from django.utils.functional import Promise

from ondol.accounts.models import User
from ondol.autostop.models import MetricsRead
from ondol.costs import bills
from ondol.costs.bills import Bill, Money
from ondol.costs.limits import for_everybody
from ondol.costs.models import Budget, ExchangeRate, PriceCheck
from ondol.costs.months import Month
from ondol.web.costs.forms import BudgetForm, RateForm
from ondol.web.costs.statement import (
    ITEMS,
    PriceLine,
    Statement,
    months,
    prices_in_force,
    statement_of,
    statements_of,
)
from ondol.web.page import Page

PER_PAGE = 50
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

    @property
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

    def __init__(self, request: HttpRequest, rate_form: RateForm, budget_form: BudgetForm) -> None:
        super().__init__(request)
        self.rate_form, self.budget_form = rate_form, budget_form
        self._number = request.GET.get("page")

    @cached_property
    def statements(self) -> list[Statement]:
        """Return the months of all, the most expensive first."""
        return statements_of(self.month)

    @cached_property
    def shown(self) -> paginator.Page[Statement]:
        """Return those of one page of the list."""
        return paginator.Paginator(self.statements, PER_PAGE).get_page(self._number)

    @property
    def total(self) -> Money:
        return self._sum(lambda bill: bill.total)

    @property
    def forecast(self) -> Money:
        return self._sum(lambda bill: bill.forecast)

    @property
    def saved(self) -> Money:
        return self._sum(lambda bill: bill.saved)

    @property
    def saved_by_idle(self) -> Money:
        return self._sum(lambda bill: bill.saved_by_idle)

    @property
    def hours(self) -> Decimal:
        return sum((bill.hours for bill in self._bills), Decimal(0))

    @property
    def kinds(self) -> list[tuple[str | Promise, Money]]:
        """Return what was paid for, and how much for each kind."""
        return [(ITEMS[item], money) for item, money in bills.by_item(self._bills).items()]

    @cached_property
    def metrics(self) -> int:
        """Return how many metrics CloudWatch was asked for in this month, by AWS's calendar: nobody's bill has them."""
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

    @property
    def _bills(self) -> list[Bill]:
        return [statement.bill for statement in self.statements]

    def _sum(self, of: Callable[[Bill], Money]) -> Money:
        return bills.total(of(bill) for bill in self._bills)
