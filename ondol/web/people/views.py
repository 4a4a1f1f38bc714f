"""Administration: the list of people, and decisions about pending requests."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_POST

from ondol.accounts import people
from ondol.accounts.models import User
from ondol.accounts.people import AccountError
from ondol.web.guards import PersonRequest, administrator
from ondol.web.people.form import DecisionForm
from ondol.web.people.page import PeoplePage


@require_GET
@administrator
def people_list(request: PersonRequest) -> HttpResponse:
    """Show pending requests, and everybody."""
    return PeoplePage(request).answer(request)


@require_POST
@administrator
def decide(request: PersonRequest) -> HttpResponse:
    """Approve or reject one person or several at once."""
    form = DecisionForm(request.POST, waiting=list(User.objects.values_list("pk", flat=True)))
    if not form.is_valid():
        for error in (str(error) for errors in form.errors.values() for error in errors):
            messages.error(request, error)
        return PeoplePage(request, request.POST.get("reason", ""), request.POST.getlist("people")).answer(request)
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
        return PeoplePage(request, form.cleaned_data["reason"], request.POST.getlist("people")).answer(request)
    return redirect("admin_people")


def _decided(decision: str, count: int) -> str:
    if decision == "approve":
        text = ngettext("%(count)d person approved. They get an e-mail.",
                        "%(count)d people approved. They get an e-mail.", count)  # fmt: skip
    else:
        text = ngettext("%(count)d request rejected. They get an e-mail.",
                        "%(count)d requests rejected. They get an e-mail.", count)  # fmt: skip
    return text % {"count": count}
