"""The record: an administrator's view of all of it, also as a file, and everybody's of their own part."""

from django.http import HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_GET

from ondol import clock
from ondol.audit.models import Entry
from ondol.audit.record import Action, write
from ondol.web.activity.page import ActivityPage, MyActivityPage
from ondol.web.activity.spreadsheet import table
from ondol.web.guards import PersonRequest, administrator, approved

MOST = 100_000


@require_GET
@administrator
def activity(request: PersonRequest) -> HttpResponse:
    """Show who did what."""
    return ActivityPage(request.GET).answer(request)


@require_GET
@administrator
def spreadsheet(request: PersonRequest) -> HttpResponse:
    """Return the rows that the page has found as a file, with all steps: the newest 100,000. A wrong filter is no
    file."""
    page = ActivityPage(request.GET)
    if page.form.errors:
        return page.answer(request, 400)
    rows = page.form.found(Entry.objects.order_by("-id"), is_whole=True)[:MOST]
    write(Action.EXPORT, by=request.user, what="activity", filter=request.GET.urlencode()[:500])
    name = f"ondol-activity-{timezone.localdate(clock.now())}.csv"
    return HttpResponse(
        "".join(table(rows.iterator(2000))).encode(),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


@require_GET
@approved
def mine(request: PersonRequest) -> HttpResponse:
    """Show what happened with the reader's account and machine."""
    return MyActivityPage(request.GET, request.user).answer(request)
