"""The list of people as administrators see it: pending requests, and everybody with their machine."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from django.core import paginator
from django.utils.translation import gettext as _

from ondol.accounts import people, proof
from ondol.accounts.models import Approval, User
from ondol.config import config
from ondol.costs.bills import Bill, bills, this_month
from ondol.instances import actions
from ondol.instances.lifecycle import Status
from ondol.instances.models import Instance
from ondol.web.badge import Badge, badge_of
from ondol.web.guards import PersonRequest
from ondol.web.page import Page
from ondol.web.unconfirmed import Unconfirmed, unconfirmed

PER_PAGE, WAITING = 25, 100


@dataclass(frozen=True, slots=True)
class PersonEntry:
    """A person and the machine they have now."""

    person: User
    machine: Instance | None
    badge: Badge | None
    bill: Bill | None
    """The bill of this month so far; None without a machine."""

    @property
    def can_stop(self) -> bool:
        return self.badge is not None and self.badge.status is Status.RUNNING

    @property
    def can_terminate(self) -> bool:
        return self.badge is not None and self.badge.status is not Status.TERMINATING


class PeoplePage(Page):
    """Show pending requests on top, then everybody: search, filter, pages."""

    template = "people/page.html"
    search: str
    approval: str
    reason: str
    """The reason that was typed into a rejection that failed."""
    chosen: list[str]
    """The people who were selected then."""

    def __init__(self, request: PersonRequest, reason: str = "", chosen: Sequence[str] = ()) -> None:
        self._request = request
        self._search = request.GET.get("q", "")[:200]
        self.search = self._search.replace("\x00", "")
        self.approval = request.GET.get("approval", "")
        self.reason, self.chosen = reason, list(chosen)

    @cached_property
    def waiting(self) -> list[User]:
        """Return the pending requests of proven addresses, the oldest first; in the trial all."""
        return list(proof.to_decide().order_by("created_at", "pk")[:WAITING])

    @cached_property
    def unproven(self) -> list[User]:
        """Return those whose address nobody has proven, the newest first: others than their owners may have asked."""
        return list(proof.unproven().order_by("-created_at", "-pk")[:WAITING])

    @property
    def has_letters(self) -> bool:
        """Return whether these have got a letter by which they prove their address."""
        return config().email_verification != "none"

    @cached_property
    def people(self) -> paginator.Page[User]:
        """Return one page of people; for a number that does not exist, the nearest."""
        found = people.listed(self._search, self.approval).order_by("name", "pk")
        return paginator.Paginator(found, PER_PAGE).get_page(self._request.GET.get("page", "1"))

    @cached_property
    def entries(self) -> list[PersonEntry]:
        return entries_of(list(self.people.object_list))

    @property
    def filters(self) -> list[tuple[str, str]]:
        return [("", _("Everybody")), *((value, str(word)) for value, word in Approval.choices)]

    @cached_property
    def unconfirmed(self) -> Unconfirmed | None:
        return unconfirmed(self._request.user)


def entries_of(persons: list[User]) -> list[PersonEntry]:
    """Return people with their machines and what those cost this month; the same few queries for any number."""
    machines = actions.machines_of(persons)
    costs = bills(this_month(), [person.pk for person in persons])
    return [_entry(person, machines.get(person.pk), costs.get(person.pk)) for person in persons]


def _entry(person: User, machine: Instance | None, bill: Bill | None) -> PersonEntry:
    return PersonEntry(person, machine, badge_of(machine) if machine else None, bill)
