"""What machines cost: one's own, and for administrators everybody's, with prices, the rate of the won, budgets."""

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from ondol import clock
from ondol.accounts.models import User
from ondol.costs import bills
from ondol.costs.limits import for_everybody
from ondol.costs.models import Budget, PriceCheck
from ondol.costs.months import Month
from ondol.web.costs import statement as costs
from ondol.web.forms import BudgetForm, RateForm
from ondol.web.guards import PersonRequest, administrator, approved


@require_GET
@approved
def mine(request: PersonRequest) -> HttpResponse:
    """What my machine costs, line by line."""
    return render(request, "costs/mine.html", _account(request, request.user))


@require_GET
@administrator
def everybody(request: PersonRequest) -> HttpResponse:
    """Totals, each person, prices, the rate and budgets."""
    return _everybody(request, _rate_form(), BudgetForm(instance=for_everybody()))


@require_GET
@administrator
def spreadsheet(request: PersonRequest) -> HttpResponse:
    """The same table as a file."""
    month = _month(request)
    return HttpResponse(
        costs.table(month, costs.accounts_of(month)).encode(),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="ondol-costs-{month}.csv"'},
    )


@require_GET
@administrator
def person(request: PersonRequest, pk: int) -> HttpResponse:
    """What one person's machine costs, and their budget."""
    owner = get_object_or_404(User, pk=pk)
    form = BudgetForm(instance=Budget.objects.filter(owner=owner).first())
    return _person(request, owner, form)


@require_POST
@administrator
def set_rate(request: PersonRequest) -> HttpResponse:
    """How many won a dollar is from now on."""
    form = RateForm(request.POST)
    if not form.is_valid():
        return _everybody(request, form, BudgetForm(instance=for_everybody()))
    form.instance.set_by = request.user
    form.save()
    messages.success(request, _("Saved."))
    return redirect("admin_costs")


@require_POST
@administrator
def set_budget(request: PersonRequest) -> HttpResponse:
    """Of everybody who has none of their own."""
    form = BudgetForm(request.POST, instance=for_everybody())
    if not _keep(request, form):
        return _everybody(request, _rate_form(), form)
    return redirect("admin_costs")


@require_POST
@administrator
def set_persons_budget(request: PersonRequest, pk: int) -> HttpResponse:
    """Of one person."""
    owner = get_object_or_404(User, pk=pk)
    form = BudgetForm(request.POST, instance=Budget.objects.filter(owner=owner).first() or Budget(owner=owner))
    if not _keep(request, form):
        return _person(request, owner, form)
    return redirect("admin_costs_person", pk)


def _month(request: HttpRequest) -> Month:
    """The one that was asked for, or this one."""
    now = bills.this_month()
    try:
        month = Month.parse(request.GET["month"]) if "month" in request.GET else now
    except ValueError:
        raise Http404 from None
    if month > now:
        raise Http404
    return month


def _account(request: PersonRequest, owner: User) -> dict[str, Any]:
    month = _month(request)
    return {"account": costs.account_of(owner, month), **_months(month)}


def _months(month: Month) -> dict[str, Any]:
    is_over = month != bills.this_month()
    return {"month": month, "months": costs.months(), "is_over": is_over, "rate": bills.exchange_rate()}


def _person(request: PersonRequest, owner: User, form: BudgetForm) -> HttpResponse:
    context = {"person": owner, "budget_form": form, "for_everybody": for_everybody()}
    return render(request, "costs/person.html", _account(request, owner) | context)


def _everybody(request: PersonRequest, rate_form: RateForm, budget_form: BudgetForm) -> HttpResponse:
    month = _month(request)
    accounts = costs.accounts_of(month)
    some = [account.bill for account in accounts]
    context = {
        **_months(month),
        "accounts": accounts,
        "total": bills.total(bill.total for bill in some),
        "forecast": bills.total(bill.forecast for bill in some),
        "saved": bills.total(bill.saved for bill in some),
        "hours": sum(bill.hours for bill in some),
        "kinds": [(costs.ITEMS[item], money) for item, money in bills.by_item(some).items()],
        "rate_form": rate_form,
        "budget_form": budget_form,
        "prices": costs.prices_in_force(),
        "price_check": PriceCheck.objects.first(),
    }
    return render(request, "costs/everybody.html", context)


def _rate_form() -> RateForm:
    rate = bills.exchange_rate()
    today = clock.now().astimezone(bills.zone()).date()
    return RateForm(initial={"krw": rate.krw if rate else None, "as_of": today})


def _keep(request: PersonRequest, form: BudgetForm) -> bool:
    """Save it, if it can be."""
    if not form.is_valid():
        return False
    form.save()
    messages.success(request, _("Saved."))
    return True
