"""Administration: before somebody else's machine is stopped, what runs and what is lost."""

from functools import cached_property

from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods

from ondol.accounts.models import User
from ondol.accounts.people import AccountError
from ondol.instances import actions
from ondol.instances.lifecycle import Status
from ondol.instances.models import Instance
from ondol.web.bulk import address_before, for_each
from ondol.web.guards import PersonRequest, administrator
from ondol.web.machines.page import FleetEntry, entries_of, machines_now
from ondol.web.machines.refusals import words
from ondol.web.page import Page
from ondol.web.tables import ids_of


class StopPage(Page):
    """Name the machines that would be stopped, and what is lost with that."""

    template = "machines/stop.html"
    back: str
    """The address of the list, without its path."""
    origin: str
    """`machines`, `overview` or `person`: where the reader came from."""

    def __init__(self, said: QueryDict) -> None:
        self._said = said
        self.people = ids_of(said.getlist("people"))
        self.back, self.origin = said.get("back", "")[:1000], said.get("from", "")

    @cached_property
    def entries(self) -> list[FleetEntry]:
        """Return what runs."""
        running = machines_now().filter(owner__in=self.people, status=Status.RUNNING)
        return entries_of(list(running.order_by("owner__name", "pk")))

    @property
    def others(self) -> int:
        """Return how many of the selected people have no machine that runs."""
        return len(self.people) - len(self.entries)

    @property
    def cancel(self) -> str:
        """Return where the reader came from."""
        if self.origin == "person" and len(self.people) == 1:
            return reverse("admin_person", args=self.people)
        return address_before(self._said, "admin_overview" if self.origin == "overview" else "admin_fleet")


@require_http_methods(["GET", "HEAD", "POST"])
@administrator
def stop(request: PersonRequest) -> HttpResponse:
    """Say whose machines would be stopped, and what is lost; stop them once that is confirmed."""
    page = StopPage(request.POST if request.method == "POST" else request.GET)
    if request.method == "POST":
        outcome = for_each(page.people, lambda pk: stop_of(pk, request.user), words)
        outcome.tell(request, stopped)
        return redirect(page.cancel)
    return page.answer(request)


def asks(people: list[int], by: User) -> bool:
    """Return whether a machine of somebody else, which runs, would be stopped."""
    return Instance.objects.filter(owner__in=people, status=Status.RUNNING).exclude(owner=by).exists()


def stop_of(pk: int, by: User) -> Instance:
    """Stop the machine of a person."""
    return actions.stop(owner_of(pk), by=by)


def owner_of(pk: int) -> User:
    """Return the person; AccountError if there is none."""
    owner = User.objects.filter(pk=pk).first()
    if owner is None:
        raise AccountError(_("There is no such person."), "no_such_person", 404)
    return owner


def stopped(count: int) -> str:
    """Return the sentence about so many machines that are stopping now."""
    text = ngettext("%(count)d machine is stopping. Its disk is kept.",
                    "%(count)d machines are stopping. Their disks are kept.", count)  # fmt: skip
    return text % {"count": count}
