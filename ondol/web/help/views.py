"""The help page: one text in each language, with the reader's own names in the commands."""

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from ondol.instances import actions
from ondol.policy.rules import rules_of
from ondol.web.guards import PersonRequest, approved
from ondol.web.machine.connect import connect_to, example_for
from ondol.web.machine.offer import offer


@require_GET
@approved
def help_page(request: PersonRequest) -> HttpResponse:
    """Connect, copy files, auto-stop and how to avoid being stopped, cost."""
    instance = actions.current(request.user)
    context = {
        "connect": (connect_to(instance) if instance else None) or example_for(request.user),
        "rules": rules_of(request.user.pk),
        "offer": offer(request.user),
        "text": "help/en.html" if request.LANGUAGE_CODE == "en" else "help/ko.html",
    }
    return render(request, "help/page.html", context)
