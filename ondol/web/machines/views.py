"""Administration: all machines."""

from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from ondol.web.guards import PersonRequest, administrator
from ondol.web.machines import page as ships
from ondol.web.unconfirmed import unconfirmed

PER_PAGE = 50


@require_GET
@administrator
def machines(request: PersonRequest) -> HttpResponse:
    """What runs, whether it stops by itself, what fell out of step."""
    found = ships.machines()
    page = Paginator(found, PER_PAGE).get_page(request.GET.get("page"))
    context = {
        "page": page,
        "ships": ships.shown(page.object_list),
        "totals": ships.totals(found),
        "unconfirmed": unconfirmed(request.user),
    }
    return render(request, "machines/page.html", context)
