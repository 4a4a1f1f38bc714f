"""Administration: what happened lately."""

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from ondol.accounts.models import Decision
from ondol.instances.models import StatusChange
from ondol.policy.models import PolicyChange
from ondol.web.activity.lines import told
from ondol.web.guards import PersonRequest, administrator


@require_GET
@administrator
def activity(request: PersonRequest) -> HttpResponse:
    """Decisions, changes of machines and of rules, newest first."""
    decisions = Decision.objects.select_related("user", "by")
    changes = StatusChange.objects.select_related("instance__owner", "by").order_by("-at", "-id")
    policies = PolicyChange.objects.select_related("owner", "by")
    return render(request, "activity/page.html", {"lines": told(decisions, changes, policies)})
