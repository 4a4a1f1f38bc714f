"""Your own machine: the dashboard, its fragment, and the requests."""

from collections.abc import Callable
from typing import cast

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST
from django_htmx.http import HttpResponseClientRedirect

from ondol.accounts.models import Approval, User
from ondol.autostop import awake
from ondol.database.kept import one_look
from ondol.instances import actions
from ondol.instances.errors import ActionError
from ondol.instances.key_file import take_key
from ondol.instances.models import Instance
from ondol.instances.resizing import change_size, start_as
from ondol.web import times
from ondol.web.announcement.shown import Board
from ondol.web.guards import PersonRequest, approved
from ondol.web.machine.page import MachinePage


@require_GET
@approved
def dashboard(request: PersonRequest) -> HttpResponse:
    """Show the whole page; also when its reader returns to a waiting tab, which loads it as a whole."""
    if request.htmx:
        if request.GET.get("shown") == Approval.PENDING:
            messages.success(request, _("Your request was approved. You can create your machine now."))
        return HttpResponseClientRedirect("/")
    with one_look():
        return MachinePage(request).answer(request)


@require_GET
@approved
def fragment(request: PersonRequest) -> HttpResponse:
    """Return what a poll replaces; nothing (204) while the page is up to date."""
    page = MachinePage(request)
    return HttpResponse(status=204) if _is_same(request, page) else page.swap(request)


def is_up_to_date(request: HttpRequest) -> bool:
    """Return whether the polling page is up to date; the request needs only its person and language."""
    return _is_same(request, MachinePage(cast(PersonRequest, request)))


def _is_same(request: HttpRequest, page: MachinePage) -> bool:
    return request.GET.get("v") == page.version and not Board(request).has_news


@require_POST
@approved
def create(request: PersonRequest) -> HttpResponse:
    """Ask for a machine, or for a new attempt."""
    return _wish(request, lambda user: actions.create(user, *_chosen(request)))


@require_POST
@approved
def start(request: PersonRequest) -> HttpResponse:
    """Ask for a start, perhaps with another type, if AWS had no capacity for the last one."""
    kind, _disk = _chosen(request)
    return _wish(request, lambda user: start_as(user, kind) if kind else actions.start(user))


@require_POST
@approved
def stop(request: PersonRequest) -> HttpResponse:
    """Ask for a stop."""
    return _wish(request, actions.stop)


@require_POST
@approved
def resize(request: PersonRequest) -> HttpResponse:
    """Ask for another type, a bigger disk, or both."""
    return _wish(request, lambda user: change_size(user, *_chosen(request)))


@require_POST
@approved
def keep_awake(request: PersonRequest) -> HttpResponse:
    """Do not stop it for idling until one of the times that the page offers."""
    return _wish(request, lambda user: awake.choose(user, request.POST.get("until", "")), _awake_said)


@require_POST
@approved
def end_awake(request: PersonRequest) -> HttpResponse:
    """Let it be stopped for idling again."""
    return _wish(request, awake.end_awake, lambda row: _("It is no longer kept awake."))


@require_POST
@approved
def not_tonight(request: PersonRequest) -> HttpResponse:
    """Let it run on after the next closing time."""
    return _wish(request, awake.not_tonight, _waived_said)


@require_POST
@approved
def tonight_after_all(request: PersonRequest) -> HttpResponse:
    """Stop it at the closing time, as usual."""
    return _wish(request, awake.tonight_after_all, lambda row: _("It stops when the hours end, as planned."))


@require_POST
@approved
def key(request: PersonRequest) -> HttpResponse:
    """Return the private key as a file, `pem` or `ppk`."""
    try:
        file = take_key(request.user, "ppk" if request.POST.get("form") == "ppk" else "pem")
    except ActionError as error:
        _tell(request, error)
        return redirect("dashboard")
    return HttpResponse(
        file.text.encode("ascii"),
        content_type="application/x-pem-file" if file.name.endswith(".pem") else "application/octet-stream",
        headers={"Content-Disposition": f'attachment; filename="{file.name}"', "Cache-Control": "no-store"},
    )


@require_POST
@approved
def address_told(request: PersonRequest) -> HttpResponse:
    """Save that the owner has read about this new address; a later one is shown again."""
    row = actions.current(request.user)
    if row and row.public_ip == request.POST.get("address"):
        actions.tell_address(row)
    return MachinePage(request).swap(request) if request.htmx else redirect("dashboard")


def _chosen(request: PersonRequest) -> tuple[str | None, int | None]:
    """Return type and GiB; a disk that is no number becomes one that nobody may have."""
    gib = request.POST.get("volume_gib", "")
    digits = gib.isascii() and gib.isdecimal() and len(gib) < 7
    return request.POST.get("instance_type") or None, (int(gib) if digits else 0) if gib else None


def _awake_said(row: Instance) -> str:
    until = row.run.awake_until
    return _("Kept awake until %(time)s") % {"time": times.wall(until)} if until else ""


def _waived_said(row: Instance) -> str:
    at = row.run.waived_close
    return _("It does not stop when the hours end (%(time)s).") % {"time": times.wall(at)} if at else ""


def _wish(
    request: PersonRequest, wish: Callable[[User], Instance], said: Callable[[Instance], str] = lambda row: ""
) -> HttpResponse:
    """Do what somebody asks, or tell why not; `said` is announced, or shown on the page that is loaded instead."""
    text = ""
    try:
        text = said(wish(request.user))
    except ActionError as error:
        _tell(request, error)
    if request.htmx:
        return MachinePage(request, text).swap(request)
    if text:
        messages.success(request, text)
    return redirect("dashboard")


def _tell(request: PersonRequest, error: ActionError) -> None:
    messages.error(request, f"{error.message} {error.hint}".strip())
