"""The list of people as administrators see it: who waits, and everybody with their machine."""

from dataclasses import dataclass

from django.core.paginator import Page, Paginator
from django.db.models import QuerySet

from ondol.accounts.models import Approval, User
from ondol.costs.bills import Bill, bills, this_month
from ondol.instances import actions
from ondol.instances.lifecycle import Status
from ondol.instances.models import Instance
from ondol.web.machine.card import Badge, badge_of

PER_PAGE = 25


@dataclass(frozen=True, slots=True)
class Entry:
    """A person and the machine they have now."""

    person: User
    machine: Instance | None
    badge: Badge | None
    bill: Bill | None
    """Of this month so far; None where nothing ran or rested."""

    @property
    def can_stop(self) -> bool:
        return self.badge is not None and self.badge.status is Status.RUNNING

    @property
    def can_terminate(self) -> bool:
        return self.badge is not None and self.badge.status is not Status.TERMINATING


def waiting() -> QuerySet[User]:
    """Those who wait, the longest wait first."""
    return User.objects.filter(approval=Approval.PENDING, is_active=True).order_by("created_at", "pk")


def page_of(people: QuerySet[User], number: str) -> tuple[Page[User], list[Entry]]:
    """One page of people, with their machines; a page number that does not exist gives the nearest."""
    page = Paginator(people, PER_PAGE).get_page(number)
    return page, entries_of(list(page.object_list))


def entries_of(people: list[User]) -> list[Entry]:
    """With their machines and what those cost this month; the same few queries for any number."""
    machines = actions.machines_of(people)
    costs = bills(this_month(), [person.pk for person in people])
    return [_entry(person, machines.get(person.pk), costs.get(person.pk)) for person in people]


def _entry(person: User, machine: Instance | None, bill: Bill | None) -> Entry:
    return Entry(person, machine, badge_of(machine) if machine else None, bill)
