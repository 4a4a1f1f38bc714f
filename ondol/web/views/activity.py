"""Administration: what happened lately."""

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from ondol.accounts.models import Decision
from ondol.instances.models import StatusChange
from ondol.web.activity import told
from ondol.web.guards import PersonRequest, administrator


@require_GET
@administrator
def activity(request: PersonRequest) -> HttpResponse:
    """Decisions and changes of machines, newest first."""
    decisions = Decision.objects.select_related("user", "by")
    changes = StatusChange.objects.select_related("instance__owner", "by").order_by("-at", "-id")
    return render(request, "people/activity.html", {"lines": told(decisions, changes)})
