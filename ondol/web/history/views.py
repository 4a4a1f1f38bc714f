"""The story of a machine: one's own, and, for administrators, anybody's."""

from typing import Any

from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_GET

from ondol.accounts.models import User
from ondol.web.guards import PersonRequest, administrator, approved
from ondol.web.history.timeline import timeline

PER_PAGE = 30


@require_GET
@approved
def mine(request: PersonRequest) -> HttpResponse:
    """What has happened to one's own machines."""
    return render(request, "history/page.html", _page(request, request.user))


@require_GET
@administrator
def person(request: PersonRequest, pk: int) -> HttpResponse:
    """What has happened to somebody's machines."""
    owner = get_object_or_404(User, pk=pk)
    return render(request, "history/page.html", _page(request, owner) | {"person": owner})


def _page(request: PersonRequest, owner: User) -> dict[str, Any]:
    return {"page": Paginator(timeline(owner), PER_PAGE).get_page(request.GET.get("page"))}
