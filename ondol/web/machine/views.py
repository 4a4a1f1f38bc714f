"""One's own machine: the dashboard, its fragment, and the wishes."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.functional import SimpleLazyObject
from django.views.decorators.http import require_GET, require_POST
from django_htmx.http import HttpResponseClientRedirect

from ondol.accounts.models import User
from ondol.autostop import awake
from ondol.costs.bills import this_month
from ondol.costs.offers import offers_for
from ondol.costs.prices import price_of
from ondol.instances import actions
from ondol.instances.actions import ActionError
from ondol.instances.lifecycle import Status
from ondol.instances.models import Instance
from ondol.instances.resizing import change_size
from ondol.policy.rules import rules_of
from ondol.web.costs.statement import account_of
from ondol.web.cpu.page import cpu_of
from ondol.web.guards import PersonRequest, approved
from ondol.web.machine.awake import awake_of
from ondol.web.machine.card import last_ended, machine_of
from ondol.web.machine.connect import connect_to, way_for
from ondol.web.machine.offer import offer
from ondol.web.machine.size import size_of
from ondol.web.unconfirmed import unconfirmed


@require_GET
@approved
def dashboard(request: PersonRequest) -> HttpResponse:
    """The whole page. Asked for by the waiting page when one returns to its tab: load it whole."""
    if request.htmx:
        return HttpResponseClientRedirect("/")
    return render(request, "machine/page.html", _shown(request))


@require_GET
@approved
def fragment(request: PersonRequest) -> HttpResponse:
    """What polling replaces; nothing (204) while a page shows the truth already."""
    shown = _shown(request)
    if request.GET.get("v") == shown["version"]:
        return HttpResponse(status=204)
    return _swap(request, shown)


@require_POST
@approved
def create(request: PersonRequest) -> HttpResponse:
    """Ask for a machine, or for a new attempt."""
    return _wish(request, lambda user: actions.create(user, *_chosen(request)))


@require_POST
@approved
def start(request: PersonRequest) -> HttpResponse:
    """Ask for a start."""
    return _wish(request, actions.start)


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
    return _wish(request, lambda user: awake.choose(user, request.POST.get("until", "")))


@require_POST
@approved
def end_awake(request: PersonRequest) -> HttpResponse:
    """Let it be stopped for idling again."""
    return _wish(request, awake.end_awake)


@require_POST
@approved
def not_tonight(request: PersonRequest) -> HttpResponse:
    """Let it run on at the next closing time."""
    return _wish(request, awake.not_tonight)


@require_POST
@approved
def tonight_after_all(request: PersonRequest) -> HttpResponse:
    """Stop it at the closing time, as usual."""
    return _wish(request, awake.tonight_after_all)


@require_POST
@approved
def key(request: PersonRequest) -> HttpResponse:
    """The private key as a file, `pem` or `ppk`."""
    try:
        file = actions.take_key(request.user, "ppk" if request.POST.get("form") == "ppk" else "pem")
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
    """The owner has read that the address has changed, to this one; a later change is another one."""
    row = actions.current(request.user)
    if row and row.public_ip == request.POST.get("address"):
        actions.tell_address(row)
    return _swap(request, _shown(request)) if request.htmx else redirect("dashboard")


def _chosen(request: PersonRequest) -> tuple[str | None, int | None]:
    """Type and GiB; a disk that is no number is one that nobody may have."""
    gb = request.POST.get("volume_gb", "")
    digits = gb.isascii() and gb.isdecimal() and len(gb) < 7
    return request.POST.get("instance_type") or None, (int(gb) if digits else 0) if gb else None


def _wish(request: PersonRequest, wish: Callable[[User], Instance]) -> HttpResponse:
    try:
        wish(request.user)
    except ActionError as error:
        _tell(request, error)
    return _swap(request, _shown(request)) if request.htmx else redirect("dashboard")


def _tell(request: PersonRequest, error: ActionError) -> None:
    messages.error(request, f"{error.message} {error.hint}".strip())


def _shown(request: PersonRequest) -> dict[str, Any]:
    machine, stale = machine_of(request.user), unconfirmed(request.user)
    shown: dict[str, Any] = {
        "machine": machine,
        "unconfirmed": stale,
        # Of a page in another language, or from before this trouble, all is replaced.
        "version": f"{machine.version if machine else 'none'}-{request.LANGUAGE_CODE}{'-stale' if stale else ''}",
        # Most polls find nothing new, and need neither.
        "offer": SimpleLazyObject(lambda: offer(request.user)),
        "account": SimpleLazyObject(lambda: account_of(request.user, this_month())),
    }
    if machine is None:
        return shown | {"ended": last_ended(request.user)}
    row, running = machine.row, machine.status is Status.RUNNING
    rules: Any = SimpleLazyObject(lambda: rules_of(request.user.pk))
    price = SimpleLazyObject(lambda: price_of(row.instance_type, row.volume_gb))
    sizes = SimpleLazyObject(lambda: size_of(request.user, row))
    put_off = SimpleLazyObject(lambda: awake_of(row, rules, machine.now))
    shown |= {
        "sizes": sizes,
        "retry": SimpleLazyObject(lambda: offers_for(request.user, row)),
        "rules": rules,
        "awake": put_off,
        "cpu": SimpleLazyObject(lambda: cpu_of(request, row)),
    }
    return shown | {"connect": connect_to(row) if running else None, "way": way_for(request), "price": price}


def _swap(request: PersonRequest, shown: dict[str, Any]) -> HttpResponse:
    shown_before = request.GET.get("s", "")
    status = shown["machine"].status.value if shown["machine"] else "NONE"
    return render(request, "machine/swap.html", {**shown, "is_news": shown_before != status})
