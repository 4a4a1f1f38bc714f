"""The record: all of it for administrators, also as a file, and everybody's own part."""

from django.http import HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_GET

from ondol import clock
from ondol.audit.models import Entry
from ondol.web.activity.page import ActivityPage, MyActivityPage
from ondol.web.activity.spreadsheet import heads, rows
from ondol.web.guards import PersonRequest, administrator, approved
from ondol.web.spreadsheet import download

MOST = 100_000


@require_GET
@administrator
def activity(request: PersonRequest) -> HttpResponse:
    """Show who did what."""
    return ActivityPage(request.GET).answer(request)


@require_GET
@administrator
def spreadsheet(request: PersonRequest) -> HttpResponse:
    """Return the page's rows as a file, with all steps: the newest 100,000. An invalid filter gives no file."""
    page = ActivityPage(request.GET)
    if page.form.errors:
        return page.answer(request, 400)
    found = page.form.found(Entry.objects.order_by("-id"), is_whole=True)[:MOST].iterator(2000)
    named, asked = f"activity-{timezone.localdate(clock.now())}", page.table.query.removeprefix("?")
    return download(request, "activity", heads(), rows(found), named=named, narrowed_by=asked)


@require_GET
@approved
def mine(request: PersonRequest) -> HttpResponse:
    """Show what happened to the reader's account and machine."""
    return MyActivityPage(request.GET, request.user).answer(request)
