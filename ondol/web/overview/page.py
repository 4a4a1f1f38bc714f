"""The administrators' first page: pending requests, running machines and costs, and what needs attention."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from hashlib import sha256

from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from ondol import clock
from ondol.accounts.models import User
from ondol.autostop.outlook import outlooks
from ondol.costs import bills, prepared, sums
from ondol.costs.prices import prices
from ondol.deployment.findings import remembered
from ondol.doctor import local_checks, messages, records
from ondol.doctor.findings import Level
from ondol.instances.models import Instance
from ondol.instances.states import Status
from ondol.outbox.summary import Summary, summary
from ondol.policy.rules import rules_for
from ondol.web.guards import PersonRequest
from ondol.web.machines.running import Totals, hourly, totals
from ondol.web.page import Page
from ondol.web.people.page import SHOWN, waiting_now
from ondol.web.unconfirmed import Unconfirmed, unconfirmed

RUNNING_SHOWN = 8
"""How many of the machines that run are shown: those that have run the longest."""
AT_ONCE = 300
"""The number of figures that are made in about a second."""


@dataclass(frozen=True, slots=True)
class Eye:
    """Something that an administrator should look at, and where."""

    text: str
    url: str
    is_bad: bool = True


@dataclass(frozen=True, slots=True)
class Running:
    """A machine that runs."""

    instance: Instance
    hourly: Decimal | None
    """What an hour costs; None: the price is not known."""
    stops_at: datetime | None
    """None: no stop is expected."""

    @property
    def shown(self) -> tuple[object, ...]:
        """Return what its row shows, with the stop to the minute."""
        owner, stop = self.instance.owner, self.stops_at and self.stops_at.replace(second=0, microsecond=0)
        return (owner.pk, owner.name, owner.email, self.instance.size, self.instance.since, self.hourly, stop)


class OverviewPage(Page):
    """Show what there is to do and to know today.

    Polls refresh what changes, but not the month, which is refreshed when somebody returns to the page.
    """

    template, fragment = "overview/page.html", "overview/swap.html"

    def __init__(self, request: PersonRequest) -> None:
        self._request = request

    @property
    def version(self) -> str:
        """Return what a page sends with each poll: it changes with anything that polls refresh."""
        told = [
            *(self._request.LANGUAGE_CODE, timezone.localdate(clock.now()), self.unconfirmed, self.totals, self.eyes),
            *(len(self.waiting), bills.rate_in_won()),
            *((one.pk, one.name, one.email, one.affiliation, one.purpose) for one in self.first),
            *(one.shown for one in self.running),
        ]
        return sha256(repr(told).encode()).hexdigest()[:16]

    @property
    def reader(self) -> User:
        return self._request.user

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
    def running(self) -> list[Running]:
        """Return the machines that have run the longest."""
        found = Instance.objects.filter(status=Status.RUNNING).select_related("owner", "run")
        rows = list(found.order_by("status_since", "pk")[:RUNNING_SHOWN])
        ahead, table = outlooks(rows, rules_for([row.owner_id for row in rows])), prices()
        stops = {owner: one.stops_at for owner, one in ahead.items()}
        return [Running(row, hourly(table, row.size.instance_type), stops.get(row.owner_id)) for row in rows]

    @property
    def running_more(self) -> int:
        return max(self.totals.running - RUNNING_SHOWN, 0)

    @cached_property
    def eyes(self) -> list[Eye]:
        """Return what needs attention; empty while all is well."""
        return list(_eyes(self.totals))

    @cached_property
    def month(self) -> "MonthPage":
        return MonthPage()

    @cached_property
    def unconfirmed(self) -> Unconfirmed | None:
        return unconfirmed(self._request.user)


class MonthPage(Page):
    """Show what this month costs."""

    fragment = "overview/month.html"

    @property
    def is_slow(self) -> bool:
        """Return whether so many figures are missing that they are better made after the page is shown. Once a worker
        has run for a minute, none is missing."""
        return len(self._stale[1]) > AT_ONCE

    @cached_property
    def total(self) -> sums.Sums:
        basis, owners = self._stale
        prepared.make(basis, owners)
        return sums.sums(sums.rows(basis), bills.rate_in_won())

    @cached_property
    def _stale(self) -> tuple[prepared.Basis, list[int]]:
        basis = prepared.Basis.of(bills.this_month())
        return basis, prepared.stale(basis)


def has_machine(user: User) -> bool:
    """Return whether somebody has a machine."""
    return Instance.objects.filter(owner=user).exclude(status=Status.TERMINATED).exists()


def _eyes(now: Totals) -> Iterator[Eye]:
    machines, doctor = reverse("admin_fleet"), reverse("admin_doctor")
    for finding in local_checks.worker():
        if finding.level is not Level.OK:
            yield Eye(messages.sentence(finding), doctor)
    if now.unarmed:
        text = ngettext("%(count)d running machine is not armed: it would not stop by itself.",
                        "%(count)d running machines are not armed: they would not stop by themselves.",
                        now.unarmed)  # fmt: skip
        yield Eye(text % {"count": now.unarmed}, f"{machines}?armed=no")
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
