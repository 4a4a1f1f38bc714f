"""The CPU of your own machine, as a fragment that refreshes by itself."""

from django.http import HttpResponse
from django.views.decorators.http import require_GET
from django_htmx.http import trigger_client_event

from ondol.instances import actions
from ondol.web.cpu.page import cpu_page
from ondol.web.guards import PersonRequest, approved


@require_GET
@approved
def cpu(request: PersonRequest) -> HttpResponse:
    """Show chart and forecast; nothing (204) once the machine is in another state.

    The page then loads the rest, too.
    """
    row = actions.current(request.user)
    if row is None or row.status != request.GET.get("s"):
        answer = HttpResponse(status=204)
    else:
        answer = cpu_page(request, row).swap(request)
    return trigger_client_event(answer, "ondol:moved")
