"""The API as a whole: its addresses, and what applies at each of them, whatever the method."""

from collections.abc import Callable
from functools import wraps
from typing import Any, cast

from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import URLPattern, re_path
from ninja import NinjaAPI
from ninja.renderers import JSONRenderer

from ondol.api import refusals

View = Callable[..., HttpResponseBase]


class Readable(JSONRenderer):
    """Renders Korean as Korean, not as escapes."""

    json_dumps_params = {"ensure_ascii": False}


class Api(NinjaAPI):
    """Ninja's API, with HEAD, OPTIONS and refusals at every address under it, known or not."""

    @property
    def urls(self) -> tuple[list[Any], str, str]:
        patterns, application, namespace = super().urls
        framed = [
            URLPattern(known.pattern, _framed(cast(View, known.callback)), known.default_args, known.name)
            for known in patterns
            if isinstance(known, URLPattern)
        ]
        return [*framed, re_path(r"", _framed(_nowhere))], application, namespace


def _nowhere(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
    return refusals.not_found(request)


def _framed(view: View) -> View:
    @wraps(view)
    def framed(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        is_head = request.method == "HEAD"
        if is_head:  # Ninja knows GET only; the server leaves out the body
            request.method = "GET"
        try:
            response = view(request, *args, **kwargs)
        except Http404:  # Ninja's view of the root
            response = refusals.not_found(request)
        if is_head:
            request.method = "HEAD"
        if response.status_code == 405:
            response = _other_method(request, response.headers["Allow"])
        response.headers.setdefault("Cache-Control", "no-store")
        return response

    # Ninja says the same of its own views: requests with the cookie are checked in `auth.Session`.
    framed.csrf_exempt = True  # type: ignore[attr-defined]
    return framed


def _other_method(request: HttpRequest, known: str) -> HttpResponse:
    allowed = known.replace("GET", "GET, HEAD") + ", OPTIONS"
    if request.method == "OPTIONS":
        response = HttpResponse(status=204, headers={"Allow": allowed})
        del response.headers["Content-Type"]
        return response
    return refusals.wrong_method(request, allowed)
