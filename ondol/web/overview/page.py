"""The administrators' first page: who waits, what runs and costs, what needs a look."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from ondol.accounts.models import User
from ondol.costs import bills
from ondol.costs.bills import Bill, Money
from ondol.deployment.findings import remembered
from ondol.doctor import local_checks, messages, records
from ondol.doctor.findings import Level
from ondol.instances.lifecycle import Status
from ondol.instances.models import Instance
from ondol.outbox.summary import Summary, summary
from ondol.web.guards import PersonRequest
from ondol.web.machines.page import FleetEntry, entries_of
from ondol.web.machines.running import Totals, totals
from ondol.web.page import Page
from ondol.web.people.page import SHOWN, waiting_now
from ondol.web.unconfirmed import Unconfirmed, unconfirmed

RUNNING_SHOWN = 8
"""How many of the machines that run are shown: those that have run the longest."""
AT_ONCE = 300
"""The costs of so many machines take about a second."""


@dataclass(frozen=True, slots=True)
class Eye:
    """Something that an administrator should look at, and where."""

    text: str
    url: str
    is_bad: bool = True


@dataclass(frozen=True, slots=True)
class MonthSoFar:
    """The costs of everybody in this month."""

    total: Money
    forecast: Money
    saved: Money
    saved_by_idle: Money
    over_budget: int
    """How many people have used up their budgets."""
    near_budget: int
    """How many have used 80 per cent or more, but not all."""
    budget: Money | None
    """The sum of the budgets of those with costs; None if nobody has one."""

    @property
    def percent(self) -> int | None:
        """Return how much of these budgets is used."""
        return int(self.total.usd * 100 / self.budget.usd) if self.budget and self.budget.usd else None


class OverviewPage(Page):
    """Show what there is to do and to know today."""

    template, fragment = "overview/page.html", "overview/month.html"
    chosen: list[str]
    """Nobody is selected here; the rows of requests ask."""

    def __init__(self, request: PersonRequest) -> None:
        self._request, self.chosen = request, []

    @cached_property
    def waiting(self) -> list[User]:
        return waiting_now()

    @property
    def first(self) -> list[User]:
        return self.waiting[:SHOWN]

    @property
    def more(self) -> int:
        """Return how many requests are not shown."""
        return len(self.waiting[SHOWN:])

    @cached_property
    def totals(self) -> Totals:
        return totals()

    @cached_property
    def running(self) -> list[FleetEntry]:
        """Return the machines that have run the longest."""
        rows = Instance.objects.filter(status=Status.RUNNING).select_related("owner", "run")
        return entries_of(list(rows.order_by("status_since", "pk")[:RUNNING_SHOWN]))

    @property
    def running_more(self) -> int:
        return max(self.totals.running - RUNNING_SHOWN, 0)

    @property
    def is_slow(self) -> bool:
        """Return whether the costs of so many machines are better added up after the page is there."""
        return self.totals.machines > AT_ONCE

    @cached_property
    def month(self) -> MonthSoFar:
        return _month(list(bills.bills(bills.this_month()).values()))

    @cached_property
    def eyes(self) -> list[Eye]:
        """Return what needs a look; empty while all is well."""
        return list(_eyes(self.totals))

    @cached_property
    def unconfirmed(self) -> Unconfirmed | None:
        return unconfirmed(self._request.user)

    @cached_property
    def has_machine(self) -> bool:
        """Return whether the reader has a machine of their own."""
        return has_machine(self._request.user)


def has_machine(user: User) -> bool:
    """Return whether somebody has a machine."""
    return Instance.objects.filter(owner=user).exclude(status=Status.TERMINATED).exists()


def _month(found: list[Bill]) -> MonthSoFar:
    statuses = [bill.budget_status for bill in found if bill.budget_status]
    return MonthSoFar(
        total=bills.total(bill.total for bill in found),
        forecast=bills.total(bill.forecast for bill in found),
        saved=bills.total(bill.saved for bill in found),
        saved_by_idle=bills.total(bill.saved_by_idle for bill in found),
        over_budget=sum(status.is_used_up for status in statuses),
        near_budget=sum(80 <= status.percent < 100 for status in statuses),
        budget=Money(sum(status.budget.usd for status in statuses)) if statuses else None,  # type: ignore[arg-type]
    )


def _eyes(now: Totals) -> Iterator[Eye]:
    machines, doctor = reverse("admin_fleet"), reverse("admin_doctor")
    for finding in local_checks.worker():
        if finding.level is not Level.OK:
            yield Eye(messages.sentence(finding), doctor)
    if now.unarmed:
        text = ngettext("%(count)d running machine is not armed: it would not stop by itself.",
                        "%(count)d running machines are not armed: they would not stop by themselves.",
                        now.unarmed)  # fmt: skip
        yield Eye(text % {"count": now.unarmed}, f"{machines}?status=running")
    if failed := Instance.objects.filter(status=Status.FAILED).count():
        text = ngettext("%(count)d machine could not be created.", "%(count)d machines could not be created.", failed)
        yield Eye(text % {"count": failed}, f"{machines}?status=failed")
    yield from _letters(summary(), doctor)
    for finding in records.last().findings:
        if finding.level in {Level.FAILED, Level.WARNING}:
            text = f"{messages.name(finding)}: {messages.sentence(finding)}"
            yield Eye(text, doctor, finding.level is Level.FAILED)
    if left := len(remembered()):
        text = ngettext("%(count)d thing in AWS does not match the database.",
                        "%(count)d things in AWS do not match the database.", left)  # fmt: skip
        yield Eye(text % {"count": left}, doctor)


def _letters(outbox: Summary, doctor: str) -> Iterator[Eye]:
    if outbox.cause:
        yield Eye(_("E-mails are not delivered: %(cause)s") % {"cause": outbox.cause}, doctor)
    if outbox.given_up:
        text = ngettext("%(count)d e-mail could not be delivered.", "%(count)d e-mails could not be delivered.",
                        outbox.given_up)  # fmt: skip
        yield Eye(text % {"count": outbox.given_up}, doctor)
