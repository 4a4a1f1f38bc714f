"""Administration: the question before somebody else's machine is stopped: what runs, and what would be lost."""

from collections.abc import Callable
from functools import cached_property
from hashlib import sha256

from django.contrib import messages
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods

from ondol.accounts.models import User
from ondol.accounts.people import no_such_person
from ondol.instances import actions
from ondol.instances.errors import ActionError
from ondol.instances.models import Instance
from ondol.instances.states import Status
from ondol.web.bulk import for_each
from ondol.web.guards import PersonRequest, administrator
from ondol.web.machines.origin import address_of
from ondol.web.machines.page import FleetEntry, entries_of, machines_now
from ondol.web.machines.refusals import CHANGED, words
from ondol.web.page import Page
from ondol.web.tables import ids_of


class StopPage(Page):
    """Name the machines that would be stopped, and what is lost with that."""

    template = "machines/stop.html"
    back: str
    """The address of the list, without its path."""
    origin: str
    """`machines`, `overview` or `person`: where the reader came from."""
    read: set[str]
    """What the reader has read, as `mark_of` names it."""

    def __init__(self, said: QueryDict) -> None:
        self._said = said
        self.people = ids_of(said.getlist("people"))
        self.back, self.origin = said.get("back", "")[:1000], said.get("from", "")
        self.read = {*said.get("read", "").split()}

    @cached_property
    def entries(self) -> list[FleetEntry]:
        """Return what runs."""
        running = machines_now().filter(owner__in=self.people, status=Status.RUNNING)
        return entries_of(list(running.order_by("owner__name", "pk")), with_costs=False)

    @property
    def marks(self) -> str:
        """Return the marks of what a confirmation is about."""
        return " ".join(mark_of(entry.instance) for entry in self.entries)

    @property
    def others(self) -> int:
        """Return how many of the selected people have no machine that runs."""
        return len(self.people) - len(self.entries)

    @property
    def cancel(self) -> str:
        """Return where the reader came from."""
        return address_of(self._said, self.people)


@require_http_methods(["GET", "HEAD", "POST"])
@administrator
def stop(request: PersonRequest) -> HttpResponse:
    """Say whose machines would be stopped, and what is lost; stop them once that is confirmed.

    A machine that has changed since the page was shown is not stopped, but asked about again.
    """
    if request.method != "POST":
        return StopPage(request.GET).answer(request)
    page = StopPage(request.POST)
    if not page.people:
        messages.error(request, _("Select at least one row."))
        return redirect(page.cancel)
    changed: list[int] = []

    def do(pk: int) -> None:
        row = stop_of(pk, request.user, lambda row: mark_of(row) in page.read)
        if row.status == Status.RUNNING:
            changed.append(pk)
            raise ActionError(CHANGED, "")

    for_each(page.people, do, words).tell(request, stopped)
    return redirect(question_about(changed, request.POST) if changed else page.cancel)


def question_about(people: list[int], said: QueryDict) -> str:
    """Return the address of the page that asks whether to stop what they run, and knows where its reader was."""
    asked = QueryDict(mutable=True)
    asked.setlist("people", [str(pk) for pk in people])
    asked.update({key: value[:1000] for key in ("back", "from") if (value := said.get(key))})
    return f"{reverse('admin_stop')}?{asked.urlencode()}"


def mark_of(row: Instance) -> str:
    """Return a mark that changes with the run and its keep-awake time. It is short: a form may have a thousand."""
    return sha256(f"{row.run_id} {row.run.awake_until}".encode()).hexdigest()[:16]


def asks(people: list[int], by: User) -> bool:
    """Return whether a machine of somebody else, which runs, would be stopped."""
    return Instance.objects.filter(owner__in=people, status=Status.RUNNING).exclude(owner=by).exists()


def stop_of(pk: int, by: User, still: Callable[[Instance], bool] = lambda row: True) -> Instance:
    """Stop the machine of a person, but only if `still` holds for it."""
    return actions.stop(owner_of(pk), by=by, still=still)


def owner_of(pk: int) -> User:
    """Return the person; AccountError if there is none."""
    owner = User.objects.filter(pk=pk).first()
    if owner is None:
        raise no_such_person()
    return owner


def stopped(count: int) -> str:
    """Return the sentence about so many machines that are stopping now."""
    text = ngettext("%(count)d machine is stopping. Its disk is kept.",
                    "%(count)d machines are stopping. Their disks are kept.", count)  # fmt: skip
    return text % {"count": count}
