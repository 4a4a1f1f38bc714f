"""Administration: the latest actions."""

from django.http import HttpResponse
from django.views.decorators.http import require_GET

from ondol.web.activity.page import ActivityPage
from ondol.web.guards import PersonRequest, administrator


@require_GET
@administrator
def activity(request: PersonRequest) -> HttpResponse:
    """Show who did what."""
    return ActivityPage().answer(request)
