"""The help page: one text in each language, with the reader's own names in the commands."""

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from ondol.config import config
from ondol.instances import actions
from ondol.web.connect import connect_to, example_for
from ondol.web.guards import PersonRequest, approved
from ondol.web.offer import offer


@require_GET
@approved
def help_page(request: PersonRequest) -> HttpResponse:
    """Connect, copy files, auto-stop and how to avoid being stopped, cost."""
    instance = actions.current(request.user)
    context = {
        "connect": (connect_to(instance) if instance else None) or example_for(request.user),
        "idle_minutes": config().idle_minutes,
        "idle_cpu_percent": config().idle_cpu_percent,
        "offer": offer(),
        "text": "help/en.html" if request.LANGUAGE_CODE == "en" else "help/ko.html",
    }
    return render(request, "help/page.html", context)
