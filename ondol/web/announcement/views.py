"""Administration: the announcement. And everybody's button that dismisses it in one browser."""

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from ondol.accounts.places import is_here
from ondol.announcements import acts
from ondol.announcements.models import Announcement
from ondol.language import YEAR
from ondol.web.announcement.form import AnnouncementForm
from ondol.web.announcement.page import AnnouncementPage
from ondol.web.announcement.shown import COOKIE, is_version
from ondol.web.guards import PersonRequest, administrator


@require_http_methods(["GET", "HEAD", "POST"])
@administrator
def announcement(request: PersonRequest) -> HttpResponse:
    """Show the form, with the announcement that is shown now; show another one."""
    row = acts.current()
    if request.method != "POST":
        return AnnouncementPage(AnnouncementForm(instance=row), row).answer(request)
    form = AnnouncementForm(request.POST, instance=Announcement())
    if not form.is_valid():
        return AnnouncementPage(form, row).answer(request)
    acts.show(form.save(commit=False), request.user)
    messages.success(request, _("The announcement is shown on all pages now."))
    return redirect("admin_announcement")


@require_POST
@administrator
def end(request: PersonRequest) -> HttpResponse:
    """End it now."""
    acts.end(request.user)
    messages.success(request, _("No announcement is shown any more."))
    return redirect("admin_announcement")


@require_POST
def dismiss(request: HttpRequest) -> HttpResponse:
    """Hide the announcement in this browser, until it is changed."""
    target = request.POST.get("next", "")
    response = redirect(target if is_here(request, target) else "/")
    # The version that the page showed: there may be another by now, which its reader has not read.
    version = request.POST.get("version", "")
    if is_version(version):
        response.set_cookie(COOKIE, version, YEAR, secure=settings.SESSION_COOKIE_SECURE, httponly=True, samesite="Lax")
    return response
