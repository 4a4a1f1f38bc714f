"""Requires a recent sign-in for acts that a stolen session must not do."""

from collections.abc import Callable
from typing import Any

from allauth.account.adapter import get_adapter
from allauth.core.exceptions import ReauthenticationRequired
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django_htmx.http import HttpResponseClientRedirect

from ondol.accounts.recent import SessionEnded, signed_in_recently
from ondol.web.step_up.pages import KEPT, NEEDS_RECENT_SIGN_IN
from ondol.web.step_up.suspended import forget, give, suspend

_READS = {"GET", "HEAD", "OPTIONS"}


class StepUp:
    """Sends people to allauth's pages of re-authentication, and keeps their form meanwhile."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> HttpResponse | None:
        """Return a redirect to re-authentication before a view that needs it; Django's hook.

        Somebody who may not use the view at all is passed on to it, and is told so there.
        """
        name = request.resolver_match.url_name if request.resolver_match else None
        if _goes_to_a_provider(name) and request.method not in {"GET", "POST"}:
            return HttpResponseNotAllowed(["GET", "POST"])  # allauth asks for a click after a GET only
        if request.method in _READS or not (name in NEEDS_RECENT_SIGN_IN or _connects(request)):
            return None
        if not (request.user.is_authenticated and request.user.is_approved):
            return None
        if signed_in_recently(request):
            forget(request)
            return None
        cookie = suspend(request) if name in KEPT else ""
        response = ask(request, reverse("step_up_go_on") if cookie else request.get_full_path())
        if cookie:
            give(response, cookie)
        return response

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """Return the same when allauth requires it, and handle the end of a session; Django's hook."""
        if isinstance(error, SessionEnded):
            logout(request)
            messages.error(request, _("There were too many wrong attempts, so you are signed out here. Sign in again."))
            login = redirect_to_login("/")
            return HttpResponseClientRedirect(login.url) if "HX-Request" in request.headers else login
        return ask(request, request.path) if isinstance(error, ReauthenticationRequired) else None


def _goes_to_a_provider(name: str | None) -> bool:
    return name is not None and name.endswith("_login") and name != "account_login"


def _connects(request: HttpRequest) -> bool:
    """Return whether this adds a provider's account: another way in, open to people without a password."""
    if not request.path.startswith("/accounts/"):  # a body that was read as a form cannot be read as JSON any more
        return False
    return "connect" in {request.GET.get("process"), request.POST.get("process")}


def ask(request: HttpRequest, then: str) -> HttpResponse:
    """Return a redirect to the first page of re-authentication that this person can use; it leads on to `then`."""
    methods = get_adapter().get_reauthentication_methods(request.user)
    if not methods:  # such as a provider that is not offered any more
        logout(request)
        return redirect_to_login(then)
    where = f"{methods[0]['url']}?{urlencode({'next': then})}"
    return HttpResponseClientRedirect(where) if "HX-Request" in request.headers else redirect(where)
