"""Administration: all machines."""

from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from ondol.web import fleet as ships
from ondol.web.guards import PersonRequest, administrator
from ondol.web.unconfirmed import unconfirmed

PER_PAGE = 50


@require_GET
@administrator
def fleet(request: PersonRequest) -> HttpResponse:
    """What runs, whether it stops by itself, what fell out of step."""
    machines = ships.machines()
    page = Paginator(machines, PER_PAGE).get_page(request.GET.get("page"))
    context = {
        "page": page,
        "ships": ships.shown(page.object_list),
        "totals": ships.totals(machines),
        "unconfirmed": unconfirmed(request.user),
    }
    return render(request, "people/fleet.html", context)
