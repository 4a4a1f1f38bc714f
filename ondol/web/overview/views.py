"""Administration: the first page, and where somebody goes after signing in."""

from django.http import HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_GET

from ondol.web.guards import PersonRequest, administrator, signed_in
from ondol.web.overview.page import OverviewPage, has_machine


@require_GET
@administrator
def overview(request: PersonRequest) -> HttpResponse:
    """Show what there is to do and to know today."""
    return OverviewPage(request).answer(request)


@require_GET
@administrator
def month(request: PersonRequest) -> HttpResponse:
    """Return the costs of this month, which the overview of many machines asks for later."""
    return OverviewPage(request).swap(request)


@require_GET
@signed_in
def landing(request: PersonRequest) -> HttpResponse:
    """Lead administrators without a machine to the overview, everybody else to their machine."""
    is_first = request.user.is_admin and not has_machine(request.user)
    return redirect("admin_overview" if is_first else "dashboard")
