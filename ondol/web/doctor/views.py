"""Administration: the last check-up, a button for another, and buttons for e-mails that were not delivered."""

from django.contrib import messages
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from ondol.audit.record import Action, write
from ondol.doctor import records
from ondol.outbox import jobs
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


@require_POST
@administrator
def send_again(request: PersonRequest, pk: int) -> HttpResponse:
    """Send an e-mail again that was given up."""
    with transaction.atomic():
        if is_sent := jobs.send_again(pk):
            write(Action.MAIL_AGAIN, by=request.user, email=pk)
    if is_sent:
        messages.success(request, _("It is sent again. If it fails, it comes back here."))
    return redirect("admin_doctor")


@require_POST
@administrator
def forget_email(request: PersonRequest, pk: int) -> HttpResponse:
    """Drop an e-mail that was given up."""
    with transaction.atomic():
        if is_dropped := jobs.forget(pk):
            write(Action.MAIL_DROP, by=request.user, email=pk)
    if is_dropped:
        messages.success(request, _("Dropped: it will not be sent."))
    return redirect("admin_doctor")
