"""Administration: the first page, and where somebody goes after signing in."""

from django.http import HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_GET

from ondol.web.announcement.shown import Board
from ondol.web.guards import PersonRequest, administrator, signed_in
from ondol.web.overview.page import MonthPage, OverviewPage, has_machine


@require_GET
@administrator
def overview(request: PersonRequest) -> HttpResponse:
    """Show what there is to do and to know today; a poll gets what changes, or nothing (204) while that is the same."""
    page = OverviewPage(request)
    if not request.htmx:
        return page.answer(request)
    is_same = request.GET.get("v") == page.version and not Board(request).has_news
    return HttpResponse(status=204) if is_same else page.swap(request)


@require_GET
@administrator
def month(request: PersonRequest) -> HttpResponse:
    """Return the costs of this month: requested when the reader returns, or later if there are many machines."""
    return MonthPage().swap(request)


@require_GET
@signed_in
def landing(request: PersonRequest) -> HttpResponse:
    """Redirect administrators without a machine to the overview, everybody else to their machine."""
    is_first = request.user.is_admin and not has_machine(request.user)
    return redirect("admin_overview" if is_first else "dashboard")
