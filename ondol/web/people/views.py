"""Administration: the list of people, and decisions about those who wait."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_POST

from ondol.accounts import people
from ondol.accounts.models import Approval, User
from ondol.accounts.people import AccountError
from ondol.web.forms import DecisionForm
from ondol.web.guards import PersonRequest, administrator
from ondol.web.people import page as roster
from ondol.web.unconfirmed import unconfirmed


@require_GET
@administrator
def people_list(request: PersonRequest) -> HttpResponse:
    """Waiting on top, then everybody: search, filter, pages."""
    return _page(request, reason="")


@require_POST
@administrator
def decide(request: PersonRequest) -> HttpResponse:
    """Approve or reject one person or several at once."""
    form = DecisionForm(request.POST, waiting=list(User.objects.values_list("pk", flat=True)))
    if not form.is_valid():
        for error in (str(error) for errors in form.errors.values() for error in errors):
            messages.error(request, error)
        return _page(request, reason=request.POST.get("reason", ""), chosen=request.POST.getlist("people"))
    decided = 0
    for pk in form.cleaned_data["people"]:
        try:
            if form.cleaned_data["decision"] == "approve":
                people.approve(pk, request.user)
            else:
                people.reject(pk, request.user, form.cleaned_data["reason"])
        except AccountError as error:
            messages.error(request, str(error))
            break
        decided += 1
    if decided:
        messages.success(request, _decided(form.cleaned_data["decision"], decided))
    elif form.cleaned_data["decision"] == "reject":
        return _page(request, reason=form.cleaned_data["reason"], chosen=request.POST.getlist("people"))
    return redirect("admin_people")


def _decided(decision: str, count: int) -> str:
    if decision == "approve":
        text = ngettext("%(count)d person approved. They get an e-mail.",
                        "%(count)d people approved. They get an e-mail.", count)  # fmt: skip
    else:
        text = ngettext("%(count)d request rejected. They get an e-mail.",
                        "%(count)d requests rejected. They get an e-mail.", count)  # fmt: skip
    return text % {"count": count}


def _page(request: PersonRequest, reason: str, chosen: list[str] | None = None) -> HttpResponse:
    search, approval = request.GET.get("q", "")[:200], request.GET.get("approval", "")
    page, entries = roster.page_of(people.listed(search, approval).order_by("name", "pk"), request.GET.get("page", "1"))
    context = {
        "waiting": list(roster.waiting()[:100]),
        "entries": entries,
        "page": page,
        "search": search.replace("\x00", ""),
        "approval": approval,
        "filters": [("", _("Everybody")), *Approval.choices],
        "reason": reason,
        "chosen": chosen or [],
        "unconfirmed": unconfirmed(request.user),
    }
    return render(request, "people/page.html", context)
