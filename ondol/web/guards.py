"""Who may see a page. Others are told so, and nothing happens."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django_htmx.http import HttpResponseClientRedirect
from django_htmx.middleware import HtmxDetails

from ondol.accounts import second_factor
from ondol.accounts.models import User
from ondol.accounts.places import page_of_poll
from ondol.audit.actions import Action
from ondol.audit.denials import note_denial
from ondol.web.announcement.shown import Board
from ondol.web.standing.page import SecondFactorPage, StandingPage


class PersonRequest(HttpRequest):
    """A request of somebody who is signed in."""

    user: User
    htmx: HtmxDetails


View = Callable[..., HttpResponse]


def signed_in(view: View) -> View:
    """Restrict a view to people who have signed in, approved or not."""

    @wraps(view)
    def guarded(request: PersonRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return view(request, *args, **kwargs) if request.user.is_authenticated else _to_sign_in(request)

    return guarded


def approved(view: View) -> View:
    """Restrict a view to approved people. Others see their own status instead, wherever they go."""

    @wraps(view)
    @signed_in
    def guarded(request: PersonRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return view(request, *args, **kwargs) if request.user.is_approved else where_they_stand(request)

    return guarded


def administrator(view: View) -> View:
    """Restrict a view to administrators, who have set up a second factor in time where they need one."""

    @wraps(view)
    @approved
    def guarded(request: PersonRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not request.user.is_admin:
            note_denial(Action.DENIED, "not_admin", by=request.user, path=request.path[:200])
            raise PermissionDenied
        if second_factor.is_overdue(request.user):
            return SecondFactorPage().answer(request, status=403)
        return view(request, *args, **kwargs)

    return guarded


def where_they_stand(request: PersonRequest) -> HttpResponse:
    """Show one page, at the dashboard's address, to people who are not approved; refuse the forms that they send."""
    if request.htmx:
        is_same = request.GET.get("shown") == request.user.approval and not Board(request).has_news
        return HttpResponse(status=204) if is_same else HttpResponseClientRedirect("/")
    page = StandingPage(request.user)
    if request.method not in {"GET", "HEAD"}:
        return page.answer(request, status=403)
    return page.answer(request) if request.path == "/" else redirect("dashboard")


def _to_sign_in(request: PersonRequest) -> HttpResponse:
    if settings.SESSION_COOKIE_NAME in request.COOKIES and request.session.is_empty():
        messages.info(request, _("Your session has ended. Sign in again."))
    if page := page_of_poll(request):
        return HttpResponseClientRedirect(redirect_to_login(page).url)
    # A form cannot be sent again after signing in; the dashboard is where to go on.
    return redirect_to_login(_next(request))


def _next(request: PersonRequest) -> str:
    """Return where to go after signing in: what was asked for, or from the first page to `landing`."""
    return request.get_full_path() if request.method == "GET" and request.path != "/" else reverse("landing")
