"""Answers the frequent polls of open pages and waiting programs before most middlewares.

A poll without news needs no forms, messages or sign-in pages. All other cases go on to the middlewares, which decide as
usual: no session, or one that has ended or is unusual; somebody who is not approved; a token; too many requests; a page
with news.
"""

import json
from collections.abc import Callable, Mapping
from functools import cache

from csp.middleware import CSPMiddleware
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.middleware.clickjacking import XFrameOptionsMiddleware
from django.urls import resolve
from django.utils import translation
from django.utils.cache import add_never_cache_headers
from ninja.responses import NinjaJSONEncoder

from ondol.accounts.models import User
from ondol.accounts.recent import has_ended
from ondol.accounts.sessions import SessionStore, known_person
from ondol.api.machines import answer_for
from ondol.api.throttle import PER_PERSON
from ondol.web.machine.views import is_up_to_date

Page = Callable[[HttpRequest], HttpResponse]


def polls(get_response: Page) -> Page:
    """Answer a poll of somebody who is signed in and approved; leave all else to the middlewares below."""

    def middleware(request: HttpRequest) -> HttpResponse:
        answer = _ANSWERS.get(request.path)
        is_plain = request.method == "GET" and "Authorization" not in request.headers
        response = _answered(request, answer) if answer and is_plain else None
        return response or get_response(request)

    return middleware


def _answered(request: HttpRequest, answer: Callable[[HttpRequest, User], HttpResponse | None]) -> HttpResponse | None:
    request.get_host()  # raises for one that is not ours
    cookie = request.COOKIES.get(settings.SESSION_COOKIE_NAME)
    if not cookie:
        return None
    session = SessionStore.of_cookie(cookie)
    person = known_person(session)
    if person is None or not person.is_approved:
        return None
    request.session, request.user = session, person
    if has_ended(request):
        return None
    translation.activate(person.language)
    request.LANGUAGE_CODE = translation.get_language()
    response = answer(request, person)
    if response is not None:
        request.resolver_match = _match(request.path)
        # For the log:
        request._cached_user = person  # type: ignore[attr-defined]
        response.headers["Content-Length"] = str(len(response.content))
        for name, value in _of_all_pages().items():
            response.headers[name] = value
    return response


def _fragment(request: HttpRequest, person: User) -> HttpResponse | None:
    if not is_up_to_date(request):
        return None
    response = HttpResponse(status=204)
    add_never_cache_headers(response)
    return response


def _status(request: HttpRequest, person: User) -> HttpResponse | None:
    if not PER_PERSON.allows(person.pk, is_read=True, through=f"session-{request.session.session_key}"):
        return None
    told = answer_for(person).model_dump(by_alias=True)
    body = json.dumps(told, cls=NinjaJSONEncoder, ensure_ascii=False)
    return HttpResponse(body, "application/json; charset=utf-8", headers={"Cache-Control": "no-store"})


_match = cache(resolve)
_ANSWERS = {"/machine/": _fragment, "/api/instances/status": _status}


@cache
def _of_all_pages() -> Mapping[str, str]:
    """Return the headers that middlewares below set equally on every page."""
    request = HttpRequest()
    framed = XFrameOptionsMiddleware(_nothing).process_response(request, HttpResponse())
    headers = CSPMiddleware(_nothing).process_response(request, framed).headers
    return {name: headers[name] for name in ("Content-Security-Policy", "X-Frame-Options")}


def _nothing(request: HttpRequest) -> HttpResponse:
    return HttpResponse()
