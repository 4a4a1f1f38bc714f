"""The help page: one text in each language."""

from django.http import HttpResponse
from django.views.decorators.http import require_GET

from ondol.web.guards import PersonRequest, approved
from ondol.web.help.page import HelpPage


@require_GET
@approved
def help_page(request: PersonRequest) -> HttpResponse:
    """Show the help."""
    return HelpPage(request.user).answer(request)
