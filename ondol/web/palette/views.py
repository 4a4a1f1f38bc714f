"""People and machines by name, for the command palette of administrators."""

from django.db.models import Q
from django.http import HttpResponse, JsonResponse
from django.urls import reverse
from django.views.decorators.http import require_GET

from ondol.accounts.models import User
from ondol.accounts.text import clean
from ondol.instances import actions
from ondol.web.badge import badge_of
from ondol.web.guards import PersonRequest, administrator

MOST = 8


@require_GET
@administrator
def find(request: PersonRequest) -> HttpResponse:
    """Return the people with this name, address or machine, and links to their pages; two queries."""
    words = clean(request.GET.get("q", "").replace("\x00", ""))[:100]
    if not words:
        return JsonResponse({"people": []})
    match = Q(name__icontains=words) | Q(email__icontains=words) | Q(instances__instance_id__icontains=words)
    people = list(User.objects.filter(match).order_by("name", "pk").distinct()[:MOST])
    machines = actions.machines_of(people)
    found = [
        {
            "name": person.name,
            "about": person.email,
            "state": str(badge_of(machines[person.pk]).word) if person.pk in machines else "",
            "url": reverse("admin_person", args=[person.pk]),
        }
        for person in people
    ]
    return JsonResponse({"people": found})
