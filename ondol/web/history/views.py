"""The history of a machine: your own, and, for administrators, anybody's."""

from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_GET

from ondol.accounts.models import User
from ondol.web.guards import PersonRequest, administrator, approved
from ondol.web.history.page import HistoryPage


@require_GET
@approved
def mine(request: PersonRequest) -> HttpResponse:
    """Show the history of the reader's machines."""
    return HistoryPage(request.user, request.GET.get("page"), is_mine=True).answer(request)


@require_GET
@administrator
def person(request: PersonRequest, pk: int) -> HttpResponse:
    """Show the history of one person's machines."""
    owner = get_object_or_404(User, pk=pk)
    return HistoryPage(owner, request.GET.get("page"), is_mine=False).answer(request)
