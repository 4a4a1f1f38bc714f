"""Administration: all machines, and what an administrator may do with several of them."""

from datetime import datetime, timedelta

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_POST

from ondol import clock
from ondol.accounts.models import User
from ondol.accounts.text import find_address
from ondol.autostop.awake import keep_awake
from ondol.instances import actions
from ondol.instances.errors import ActionError
from ondol.instances.models import Instance
from ondol.web import times
from ondol.web.bulk import for_each
from ondol.web.guards import PersonRequest, administrator
from ondol.web.machines.origin import address_of
from ondol.web.machines.page import AWAKE_HOURS, MachinesPage
from ondol.web.machines.refusals import words
from ondol.web.machines.stop import asks, owner_of, question_about, stop_of, stopped
from ondol.web.tables import ids_of


@require_GET
@administrator
def machines(request: PersonRequest) -> HttpResponse:
    """Show all machines."""
    return MachinesPage(request).answer(request)


@require_POST
@administrator
def act(request: PersonRequest) -> HttpResponse:
    """Stop, start or keep awake one machine, by the button in its row, or those of the selected people."""
    name, people = _asked_for(request)
    until = clock.now() + timedelta(hours=_hours(request))
    if not people or name not in _DONE:
        messages.error(request, _("Select at least one row."))
        return MachinesPage(request).answer(request)

    if name == "stop" and asks(people, request.user):
        return redirect(question_about(people, request.POST))

    def do(pk: int) -> Instance:
        match name:
            case "stop":
                return stop_of(pk, request.user)
            case "start":
                return actions.start(owner_of(pk), by=request.user)
        return keep_awake(owner_of(pk), until, by=request.user)

    for_each(people, do, words).tell(request, lambda count: _done(name, count, until))
    return redirect(address_of(request.POST, people))


@require_POST
@administrator
def create(request: PersonRequest) -> HttpResponse:
    """Create a machine for somebody, by their address: of the usual size, by their rules."""
    typed = request.POST.get("email", "").replace("\x00", "")[:320]
    owner = User.objects.filter(email=find_address(typed)).first()
    if owner is None:
        messages.error(request, _("There is no account with this e-mail address."))
        return MachinesPage(request, typed).answer(request)
    try:
        actions.create(owner, by=request.user)
    except ActionError as error:
        messages.error(request, f"{owner.name}: {words(error)}")
    else:
        messages.success(request, _("The machine is being created. Its owner gets an e-mail."))
    return redirect("admin_person", owner.pk)


def _asked_for(request: PersonRequest) -> tuple[str, list[int]]:
    for name in ("stop", "start"):
        if one := request.POST.get(name):
            return name, ids_of([one])
    return request.POST.get("act", ""), ids_of(request.POST.getlist("people"))


def _hours(request: PersonRequest) -> int:
    """Return one of the offered numbers of hours."""
    known = {str(hours): hours for hours in AWAKE_HOURS}
    return known.get(request.POST.get("hours", ""), AWAKE_HOURS[0])


_DONE = {"stop", "start", "awake"}


def _done(name: str, count: int, until: datetime) -> str:
    if name == "stop":
        return stopped(count)
    if name == "start":
        text = ngettext("%(count)d machine is starting. Its owner gets an e-mail.",
                        "%(count)d machines are starting. Their owners get an e-mail.", count)  # fmt: skip
    else:
        text = ngettext("%(count)d machine is kept awake until %(time)s. Its owner gets an e-mail.",
                        "%(count)d machines are kept awake until %(time)s. Their owners get an e-mail.",
                        count)  # fmt: skip
    return text % {"count": count, "time": times.wall(until)}
