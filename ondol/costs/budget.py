"""What a person may spend in a month: who is notified when it runs out, and what is stopped then."""

from decimal import Decimal
from functools import partial

from django.db import transaction
from django.urls import reverse
from django.utils.translation import gettext as _

from ondol import dates
from ondol.accounts.mail import write
from ondol.accounts.models import User
from ondol.accounts.people import administrators
from ondol.config import config
from ondol.costs.bills import computed, this_month
from ondol.costs.calculation import Calculation
from ondol.costs.limits import LEVELS, BudgetStatus, budgets
from ondol.costs.models import Budget, BudgetNotice
from ondol.costs.months import Month
from ondol.costs.prepared import calculations
from ondol.costs.record import zone
from ondol.instances import actions
from ondol.instances.errors import ActionError
from ondol.instances.models import Instance
from ondol.instances.states import Reason
from ondol.outbox.jobs import send_later

TASK = "ondol.costs.letter"


def require_room(user: User) -> None:
    """Raise ActionError for somebody whose budget is used up, if that stops machines."""
    budget = budgets([user.pk]).get(user.pk)
    if budget is None or not budget.stops:
        return
    month = this_month()
    spent = dict(computed(month, [user.pk])).get(user.pk, Calculation()).total
    if BudgetStatus(budget, spent).is_used_up:
        first = month.span(zone()).end.astimezone(zone()).date()
        raise ActionError(
            "budget",
            _("This month’s budget for your machine is used up."),
            _("It can run again from %(day)s, or when an administrator raises the budget.") % {"day": dates.day(first)},
        )


def check() -> None:
    """Notify everybody who has reached a level since the last check, and stop their machines. It may run twice."""
    if not Budget.objects.exists():
        return
    month = this_month()
    spent = {owner: calculation.total for owner, calculation in calculations(month)}
    people = User.objects.in_bulk(spent)
    for owner, budget in budgets(spent.keys()).items():
        now = BudgetStatus(budget, spent[owner])
        _tell(people[owner], month, now)
        if now.is_used_up and budget.stops:
            actions.stop_by_rule(people[owner], Reason.BUDGET, partial(_still_stops, spent=spent[owner]))


def _still_stops(instance: Instance, spent: Decimal) -> bool:
    """Return whether the budget still stops machines: an administrator may have raised it meanwhile."""
    budget = budgets([instance.owner_id]).get(instance.owner_id)
    return budget is not None and budget.stops and BudgetStatus(budget, spent).is_used_up


def _tell(owner: User, month: Month, now: BudgetStatus) -> None:
    """Send an e-mail about the highest level, unless that was sent already."""
    with transaction.atomic():
        news = None
        for percent in [level for level in LEVELS if now.percent >= level]:
            notice, is_new = BudgetNotice.objects.get_or_create(
                owner=owner, month=str(month), usd=now.budget.usd, percent=percent
            )
            news = notice if is_new else None
        if news is None:
            return
        readers = {owner.pk} if owner.is_approved else set()
        if news.percent == max(LEVELS):
            readers |= set(administrators().values_list("pk", flat=True))
        for reader in readers:
            send_later(TASK, notice=news.pk, to=reader)


def send(notice: BudgetNotice, to: User) -> None:
    """Send one e-mail about a budget."""
    budget = budgets([notice.owner_id]).get(notice.owner_id)
    page = "costs" if to == notice.owner else "admin_costs"
    write(
        to,
        "budget",
        {
            "notice": notice,
            "is_owner": to == notice.owner,
            "stops": budget is not None and budget.stops,
            "link": config().url + reverse(page),
        },
    )
