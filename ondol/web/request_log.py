"""The log of requests: one line each, with the id that its answer carries and everything that it causes shares."""

import logging
import time
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from ondol import metrics
from ondol.accounts.models import User
from ondol.config import config
from ondol.host.gateway import HEALTH
from ondol.request_id import HEADER, new_id, request_id, taken

log = logging.getLogger("ondol.request")

_METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}


def request_log(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Give each request its id, count it, and write its line. Comes before all else, so that nothing is left out."""
    is_behind_proxy = config().behind_proxy

    def middleware(request: HttpRequest) -> HttpResponse:
        current = taken(request.headers.get(HEADER, "")) if is_behind_proxy else new_id()
        token, began = request_id.set(current), time.perf_counter()
        try:
            response = get_response(request)
            _note(request, response.status_code, time.perf_counter() - began)
        finally:
            request_id.reset(token)
        response.headers[HEADER] = current
        return response

    return middleware


def _note(request: HttpRequest, code: int, seconds: float) -> None:
    method, route = _method(request), route_of(request)
    metrics.REQUESTS.labels(method, route, str(code)).inc()
    metrics.REQUEST_SECONDS.labels(route).observe(seconds)
    line: dict[str, object] = {"method": method, "route": route, "code": code, "ms": round(seconds * 1000)}
    if person := _person(request):
        line["person"] = person.pk
    log.log(logging.DEBUG if _is_routine(request, route, code) else logging.INFO, "request", extra=line)


def route_of(request: HttpRequest) -> str:
    """Return the URL pattern that matched, never the path itself: it may have a secret, and any number of values."""
    if request.path == HEALTH:
        return HEALTH.lstrip("/")
    if request.path.startswith(settings.STATIC_URL):
        return "static"
    match = request.resolver_match
    return (match.route or "/") if match else "unmatched"


def _is_routine(request: HttpRequest, route: str, code: int) -> bool:
    """Return whether no person has made the request: health checks, styles, and polls of open pages."""
    is_poll = request.method == "GET" and "HX-Request" in request.headers
    return request.path == HEALTH or (code < 400 and (route == "static" or is_poll))


def _method(request: HttpRequest) -> str:
    return request.method if request.method in _METHODS else "OTHER"


def _person(request: HttpRequest) -> User | None:
    """Return who has made the request, if already known; finding out would be a query, and may fail."""
    found = getattr(request, "auth", None) or getattr(request, "_cached_user", None)
    return found if isinstance(found, User) else None
