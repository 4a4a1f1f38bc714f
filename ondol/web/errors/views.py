"""Designed pages for errors, and JSON for programs where the API itself could not answer.

Those for 500 and 503 need neither a session nor the database.
"""

import logging
import math
import sys

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string

from ondol.api import refusals
from ondol.database.away import is_away

log = logging.getLogger(__name__)


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Return 400: not understood, or sent to a host that is not ours."""
    if _is_for_a_program(request):
        return refusals.bad_request(request)
    return HttpResponse(render_to_string("errors/400.html"), status=400)


def forbidden(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Return 403: not allowed for one's role."""
    return render(request, "errors/403.html", status=403)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Return 403: the form is too old, or came from elsewhere."""
    return render(request, "errors/403_csrf.html", status=403)


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Return 404: no such page."""
    return render(request, "errors/404.html", status=404)


def not_allowed(request: HttpRequest, refused: HttpResponse) -> HttpResponse:
    """Return 405: a page that only a form may send to."""
    page = render(request, "errors/405.html", status=405)
    page.headers["Allow"] = refused.headers.get("Allow", "")
    return page


def too_big(request: HttpRequest) -> HttpResponse:
    """Return 413, in both languages: the person of the request is not known yet."""
    if _is_for_a_program(request):
        return refusals.too_big(request)
    return HttpResponse(render_to_string("errors/413.html"), status=413)


def too_many(request: HttpRequest, seconds: float = 60) -> HttpResponse:
    """Return 429, by allauth's limits or ours, and in how many seconds to come back; for a button of a page, the
    sentence alone, which `ondol.js` shows."""
    told, headers = {"seconds": math.ceil(seconds)}, {"Retry-After": f"{math.ceil(seconds)}"}
    if "HX-Request" in request.headers:
        text = render_to_string("errors/429.txt", told).strip()
        return HttpResponse(text, "text/plain; charset=utf-8", 429, headers=headers)
    return HttpResponse(render_to_string("errors/429.html", told), status=429, headers=headers)


def server_error(request: HttpRequest) -> HttpResponse:
    """Return 500, or 503 if a middleware found PostgreSQL away."""
    error = sys.exception()
    if error is not None and is_away(error):
        return unavailable(request)
    if _is_for_a_program(request):
        return refusals.internal(request)
    return HttpResponse(render_to_string("errors/500.html"), status=500)


def unavailable(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Return 503: PostgreSQL is away, or cannot write."""
    if reason := exception or sys.exception():
        log.warning("PostgreSQL: %s", (str(reason).splitlines() or [type(reason).__name__])[0])
    if _is_for_a_program(request):
        return refusals.unavailable(request)
    return HttpResponse(render_to_string("errors/503.html"), status=503, headers={"Retry-After": "5"})


def _is_for_a_program(request: HttpRequest) -> bool:
    return request.path.startswith("/api/")
