"""Administration: one person, and what an administrator may do about them and their machine."""

from collections.abc import Callable

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from ondol.accounts import people
from ondol.accounts.models import Role, User
from ondol.accounts.people import AccountError
from ondol.instances import actions
from ondol.instances.errors import ActionError
from ondol.web.guards import PersonRequest, administrator
from ondol.web.people.page import entries_of
from ondol.web.person.forms import ReasonForm, RejectForm, RoleForm, TerminateForm, VouchForm
from ondol.web.person.page import PersonPage, TerminatePage


@require_GET
@administrator
def person(request: PersonRequest, pk: int) -> HttpResponse:
    """Show everything an administrator needs to know and may do."""
    return PersonPage(request.user, _person(pk), is_rejecting="reject" in request.GET).answer(request)


@require_POST
@administrator
def approve(request: PersonRequest, pk: int) -> HttpResponse:
    """Approve them, also after a suspension."""
    form = VouchForm(request.POST)
    vouches = form.is_valid() and form.cleaned_data["vouches"]
    done = _("Approved. They get an e-mail.")
    return _decide(request, pk, lambda: people.approve(pk, request.user, vouches=vouches), done)


@require_POST
@administrator
def reject(request: PersonRequest, pk: int) -> HttpResponse:
    """Refuse a request, with a reason."""
    return _decide_for_a_reason(
        request, pk, RejectForm(request.POST), people.reject, _("Rejected. They get an e-mail.")
    )


@require_POST
@administrator
def suspend(request: PersonRequest, pk: int) -> HttpResponse:
    """Suspend them; their machine stops."""
    done = _("Suspended. They are signed out, and a machine of theirs stops. They get an e-mail.")
    return _decide_for_a_reason(request, pk, ReasonForm(request.POST), people.suspend, done)


@require_POST
@administrator
def role(request: PersonRequest, pk: int) -> HttpResponse:
    """Make somebody a member or an administrator."""
    form = RoleForm(request.POST)
    if not form.is_valid():
        return PersonPage(request.user, _person(pk)).answer(request)
    new = Role(form.cleaned_data["role"])
    return _decide(request, pk, lambda: people.set_role(pk, request.user, new), _("The role has been changed."))


@require_http_methods(["GET", "HEAD", "POST"])
@administrator
def terminate(request: PersonRequest, pk: int) -> HttpResponse:
    """Say what will be lost; terminate the machine once the owner's address has been typed."""
    owner = _person(pk)
    entry = entries_of([owner])[0]
    if entry.machine is None:
        messages.error(request, _("This person has no machine."))
        return redirect("admin_person", pk)
    form = TerminateForm(request.POST if request.method == "POST" else None, owner=owner)
    if request.method == "POST" and form.is_valid():
        try:
            actions.terminate(owner, by=request.user)
        except ActionError as error:
            messages.error(request, f"{error.message} {error.hint}".strip())
        else:
            messages.success(request, _("The machine is being deleted."))
        return redirect("admin_person", pk)
    return TerminatePage(entry, form).answer(request)


def _person(pk: int) -> User:
    found = User.objects.filter(pk=pk).select_related("decided_by", "invitation").first()
    if found is None:
        raise Http404
    return found


def _decide(
    request: PersonRequest, pk: int, decision: Callable[[], User], done: str, form: ReasonForm | None = None
) -> HttpResponse:
    try:
        decision()
    except AccountError as error:
        if form and error.status == 422:
            form.add_error("reason", str(error))
        else:
            messages.error(request, str(error))
        return PersonPage(request.user, _person(pk), form).answer(request)
    messages.success(request, done)
    return redirect("admin_person", pk)


def _decide_for_a_reason(
    request: PersonRequest, pk: int, form: ReasonForm, decision: Callable[[int, User, str], User], done: str
) -> HttpResponse:
    if not form.is_valid():
        return PersonPage(request.user, _person(pk), form).answer(request)
    return _decide(request, pk, lambda: decision(pk, request.user, form.cleaned_data["reason"]), done, form)
