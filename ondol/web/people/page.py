"""The list of people as administrators see it: pending requests, and everybody with their machine."""

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from django.db.models import OuterRef, Q, QuerySet, Subquery
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from ondol import clock
from ondol.accounts import proof
from ondol.accounts.invitations import NOT_YET
from ondol.accounts.models import Approval, Invitation, Role, User
from ondol.config import config
from ondol.costs.bills import Bill, bills, this_month
from ondol.instances import actions
from ondol.instances.messages.statuses import STATUSES
from ondol.instances.models import Instance
from ondol.instances.states import CHANGING, Status
from ondol.web.badge import Badge, badge_of
from ondol.web.bulk import asked_for
from ondol.web.costs.everybody import with_cost
from ondol.web.guards import PersonRequest
from ondol.web.page import Page
from ondol.web.people.form import DecisionForm
from ondol.web.tables import Choice, Column, Filter, Table
from ondol.web.unconfirmed import Unconfirmed, unconfirmed

SHOWN, WAITING = 5, 100
"""How many requests are shown at once, and how many at all."""
COLUMNS = (
    Column("name", _("Person"), ("name", "email")),
    Column("affiliation", _("Affiliation"), ("affiliation", "name")),
    Column("role", _("Role"), ("role", "name")),
    Column("approval", _("Approval"), ("approval", "name")),
    Column("machine", _("Machine"), ("machine_status", "name")),
    Column("cost", _("This month"), ("cost", "name"), is_descending=True, is_amount=True),
    Column("signed_in", _("Last sign-in"), ("last_login", "name"), is_descending=True),
    Column("requested", _("Account since"), ("created_at",), is_descending=True),
)
FILTERS = (
    Filter(
        "approval",
        _("Approval"),
        (
            *(Choice(a.value, a.label, Q(approval=a)) for a in Approval),
            Choice("invited", _("Invited, not joined"), NOT_YET),
        ),
    ),
    Filter("role", _("Role"), (Choice(Role.ADMIN, _("Administrators"), Q(role=Role.ADMIN)),)),
    Filter(
        "machine",
        _("Machine"),
        (
            Choice("running", STATUSES[Status.RUNNING].badge, Q(machine_status=Status.RUNNING)),
            Choice("stopped", STATUSES[Status.STOPPED].badge, Q(machine_status=Status.STOPPED)),
            Choice("changing", _("Changing"), Q(machine_status__in=sorted(CHANGING))),
            Choice("none", _("No machine"), Q(machine_status=None)),
        ),
    ),
)


@dataclass(frozen=True, slots=True)
class PersonEntry:
    """A person and the machine they have now."""

    person: User
    machine: Instance | None
    badge: Badge | None
    bill: Bill | None
    """The bill of this month so far; None without a machine."""

    @property
    def invitation(self) -> Invitation | None:
        """Return the invitation of somebody who has never signed in; None for all others."""
        has_come = self.person.last_login is not None or not self.person.is_approved
        return None if has_come else getattr(self.person, "invitation", None)

    @property
    def can_stop(self) -> bool:
        return self.badge is not None and self.badge.status is Status.RUNNING

    @property
    def can_start(self) -> bool:
        return self.badge is not None and self.badge.status is Status.STOPPED and self.person.is_approved

    @property
    def can_create(self) -> bool:
        return self.person.is_approved and (self.badge is None or self.badge.status is Status.FAILED)

    @property
    def can_terminate(self) -> bool:
        return self.badge is not None and self.badge.status is not Status.TERMINATING

    @property
    def signed_in_at(self) -> datetime | None:
        """Return when they last signed in, on the machines' clock, as all times of pages are."""
        real = self.person.last_login
        return clock.clock().at(real.timestamp()) if real else None


class PeoplePage(Page):
    """Show pending requests on top, then everybody as a table."""

    template = "people/page.html"
    form: DecisionForm
    """The decision, if it was refused."""

    def __init__(self, request: PersonRequest, refused: DecisionForm | None = None) -> None:
        self._request, self.form = request, refused or DecisionForm()

    @property
    def chosen(self) -> list[str]:
        """Return the people who were selected for a decision that was refused."""
        return self.form.data.getlist("people") if isinstance(self.form.data, QueryDict) else []

    @cached_property
    def waiting(self) -> list[User]:
        """Return the pending requests of proven addresses, the oldest first; in the trial all."""
        return waiting_now()

    @property
    def first(self) -> list[User]:
        return self.waiting[:SHOWN]

    @property
    def more(self) -> list[User]:
        """Return the requests that are collapsed."""
        return self.waiting[SHOWN:]

    @cached_property
    def unproven(self) -> list[User]:
        """Return the requests with unproven addresses, newest first: somebody else may have entered the address."""
        return list(proof.unproven().order_by("-created_at", "-pk")[:WAITING])

    @property
    def has_letters(self) -> bool:
        """Return whether these people were sent an e-mail by which they can prove their address."""
        return config().email_verification != "none"

    @cached_property
    def table(self) -> Table[User]:
        return table_of(*asked_for(self._request, "admin_people"))

    @cached_property
    def entries(self) -> list[PersonEntry]:
        return entries_of(list(self.table.page.object_list))

    @cached_property
    def unconfirmed(self) -> Unconfirmed | None:
        return unconfirmed(self._request.user)


def table_of(query: QueryDict, path: str = "") -> Table[User]:
    """Return the people whom a query asks for."""
    rows, searched = with_cost(query, _people(), "pk"), ("name", "email", "affiliation")
    return Table(query, rows, COLUMNS, "name", filters=FILTERS, searched=searched, path=path)


def waiting_now() -> list[User]:
    """Return the pending requests that can be decided, the oldest first."""
    return list(proof.to_decide().order_by("created_at", "pk")[:WAITING])


def entries_of(persons: list[User]) -> list[PersonEntry]:
    """Return people with their machines and what those cost this month; the same few queries for any number."""
    machines = actions.machines_of(persons)
    costs = bills(this_month(), [person.pk for person in persons])
    return [_entry(person, machines.get(person.pk), costs.get(person.pk)) for person in persons]


def _people() -> QuerySet[User]:
    there = Instance.objects.filter(owner=OuterRef("pk")).exclude(status=Status.TERMINATED)
    return User.objects.select_related("invitation").annotate(machine_status=Subquery(there.values("status")[:1]))


def _entry(person: User, machine: Instance | None, bill: Bill | None) -> PersonEntry:
    return PersonEntry(person, machine, badge_of(machine) if machine else None, bill)
