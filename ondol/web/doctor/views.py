"""Administration: the last check-up, and a button for another."""

from django.http import HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_GET, require_POST

from ondol.doctor import records
from ondol.web.doctor.page import CheckUpPage
from ondol.web.guards import PersonRequest, administrator


@require_GET
@administrator
def doctor(request: PersonRequest) -> HttpResponse:
    """Show the page; a poll gets its changing part."""
    page = CheckUpPage()
    return page.swap(request) if request.htmx else page.answer(request)


@require_POST
@administrator
def look_again(request: PersonRequest) -> HttpResponse:
    """Ask a worker for another check-up."""
    records.ask()
    return redirect("admin_doctor")
