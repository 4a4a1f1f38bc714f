"""The pages around a re-authentication that are not allauth's."""

from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_safe

from ondol.accounts.places import is_here
from ondol.accounts.recent import signed_in_recently
from ondol.web.guards import PersonRequest, approved
from ondol.web.step_up.middleware import ask
from ondol.web.step_up.page import GoOnPage, ProvidersPage
from ondol.web.step_up.suspended import suspended


@require_safe
@approved
def go_on(request: PersonRequest) -> HttpResponse:
    """Show the form that has waited, which sends itself; the dashboard once it has been sent."""
    form = suspended(request)
    if form is None:
        return redirect("dashboard")
    return GoOnPage(form).answer(request) if signed_in_recently(request) else ask(request, request.path)


@require_safe
@approved
def providers(request: PersonRequest) -> HttpResponse:
    """Show the providers that can ask the reader again."""
    then = request.GET.get("next", "")
    if not is_here(request, then):
        then = reverse("dashboard")
    page = ProvidersPage(request, request.user, then)
    return page.answer(request) if page.ways else ask(request, then)
