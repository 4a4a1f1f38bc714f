"""Administration: all machines."""

from django.http import HttpResponse
from django.views.decorators.http import require_GET

from ondol.web.guards import PersonRequest, administrator
from ondol.web.machines.page import MachinesPage


@require_GET
@administrator
def machines(request: PersonRequest) -> HttpResponse:
    """Show all machines."""
    return MachinesPage(request.user, request.GET.get("page")).answer(request)
