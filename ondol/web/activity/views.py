"""The record: an administrator's view of all of it, also as a file, and everybody's of their own part."""

from django.http import HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_GET

from ondol import clock
from ondol.audit.record import Action, write
from ondol.web.activity.entries import FilterForm, table
from ondol.web.activity.page import ActivityPage, MyActivityPage
from ondol.web.guards import PersonRequest, administrator, approved

MOST = 100_000


@require_GET
@administrator
def activity(request: PersonRequest) -> HttpResponse:
    """Show who did what."""
    return ActivityPage(request).answer(request)


@require_GET
@administrator
def spreadsheet(request: PersonRequest) -> HttpResponse:
    """Return the same rows as a file: the newest 100,000."""
    rows = FilterForm(request.GET).found()[:MOST]
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
    return MyActivityPage(request, request.user).answer(request)
