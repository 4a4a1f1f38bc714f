"""What machines cost: your own, and for administrators everybody's, with prices, the rate of the won, budgets."""

from django.contrib import messages
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from ondol import clock
from ondol.accounts.models import User
from ondol.accounts.security_letters import record_and_tell
from ondol.audit.record import Action, write
from ondol.costs import bills
from ondol.costs.limits import for_everybody
from ondol.costs.models import Budget
from ondol.costs.record import zone
from ondol.web.costs.everybody import Everybody
from ondol.web.costs.forms import BudgetForm, RateForm
from ondol.web.costs.page import EverybodysCostsPage, MyCostsPage, PersonCostsPage, month_of
from ondol.web.costs.spreadsheet import heads, rows
from ondol.web.guards import PersonRequest, administrator, approved
from ondol.web.spreadsheet import download


@require_GET
@approved
def mine(request: PersonRequest) -> HttpResponse:
    """Show what the reader's machine costs, line by line."""
    return MyCostsPage(request, request.user).answer(request)


@require_GET
@administrator
def everybody(request: PersonRequest) -> HttpResponse:
    """Show totals, each person, prices, the rate and budgets."""
    return EverybodysCostsPage(request, _rate_form(), BudgetForm(instance=for_everybody())).answer(request)


@require_GET
@administrator
def spreadsheet(request: PersonRequest) -> HttpResponse:
    """Return the same table as a file: all rows that the address asks for."""
    month = month_of(request)
    everybody = Everybody(request, month)
    found = rows(month, everybody.statements(everybody.table.rows))
    asked = everybody.table.narrowed_by
    return download(request, "costs", heads(), found, named=f"costs-{month}", narrowed_by=asked, month=str(month))


@require_GET
@administrator
def person(request: PersonRequest, pk: int) -> HttpResponse:
    """Show what one person's machine costs, and their budget."""
    owner = get_object_or_404(User, pk=pk)
    form = BudgetForm(instance=Budget.objects.filter(owner=owner).first())
    return PersonCostsPage(request, owner, form).answer(request)


@require_POST
@administrator
def set_rate(request: PersonRequest) -> HttpResponse:
    """Set how many won a dollar is from now on."""
    form = RateForm(request.POST)
    if not form.is_valid():
        return EverybodysCostsPage(request, form, BudgetForm(instance=for_everybody())).answer(request)
    form.instance.set_by = request.user
    with transaction.atomic():
        form.save()
        write(Action.RATE, by=request.user, krw=str(form.cleaned_data["krw"]), as_of=str(form.cleaned_data["as_of"]))
    messages.success(request, _("Saved."))
    return redirect("admin_costs")


@require_POST
@administrator
def set_budget(request: PersonRequest) -> HttpResponse:
    """Set the default budget."""
    form = BudgetForm(request.POST, instance=for_everybody())
    if not _keep(request, form):
        return EverybodysCostsPage(request, _rate_form(), form).answer(request)
    return redirect("admin_costs")


@require_POST
@administrator
def set_persons_budget(request: PersonRequest, pk: int) -> HttpResponse:
    """Set the budget of one person."""
    owner = get_object_or_404(User, pk=pk)
    form = BudgetForm(request.POST, instance=Budget.objects.filter(owner=owner).first() or Budget(owner=owner))
    if not _keep(request, form):
        return PersonCostsPage(request, owner, form).answer(request)
    return redirect("admin_costs_person", pk)


def _rate_form() -> RateForm:
    rate = bills.exchange_rate()
    today = clock.now().astimezone(zone()).date()
    return RateForm(initial={"krw": rate.krw if rate else None, "as_of": today})


def _keep(request: PersonRequest, form: BudgetForm) -> bool:
    """Save the form, and return whether it could be saved."""
    if not form.is_valid():
        return False
    new = {"usd": str(form.cleaned_data["usd"] or "none"), "stops": form.cleaned_data["stops"]}
    with transaction.atomic():
        before = Budget.objects.select_for_update().filter(pk=form.instance.pk).first()
        old = {"usd": str((before and before.usd) or "none"), "stops": bool(before and before.stops)}
        form.save()
        if old == new:
            pass
        elif owner := form.instance.owner:
            record_and_tell(Action.BUDGET, owner, by=request.user, **new, old=old)
        else:
            write(Action.BUDGET, by=request.user, **new, old=old)
    messages.success(request, _("Saved."))
    return True
