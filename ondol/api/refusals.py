"""How a program is told no: `{"error": {"code", "message", "hint"}}`, in the language of the person, never a trace."""

import logging
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse, UnreadablePostError
from django.utils import translation
from django.utils.translation import gettext as _
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError, Throttled, ValidationError

from ondol.accounts.people import AccountError
from ondol.instances.actions import ActionError

log = logging.getLogger(__name__)

UNAVAILABLE_FOR = 5
"""Seconds; Retry-After where nothing else is known."""


def refuse(
    status: int, code: str, message: str, hint: str = "", headers: Mapping[str, str] | None = None
) -> HttpResponse:
    """One refusal."""
    if status == 503:
        headers = {"Retry-After": str(UNAVAILABLE_FOR), **(headers or {})}
    told = {"error": {"code": code, "message": message, "hint": hint}}
    return JsonResponse(told, status=status, headers=headers, json_dumps_params={"ensure_ascii": False})


def speak(request: HttpRequest) -> None:
    """The language of a program that nobody is known behind; a person's own has been set with who they are."""
    if not hasattr(request, "auth") and settings.SESSION_COOKIE_NAME not in request.COOKIES:
        translation.activate(translation.get_language_from_request(request))


def not_found(request: HttpRequest) -> HttpResponse:
    """No such address."""
    speak(request)
    return refuse(404, "not_found", _("There is no such address."), _("What there is: /api/openapi.json."))


def wrong_method(request: HttpRequest, allowed: str) -> HttpResponse:
    """An address that knows other methods."""
    speak(request)
    hint = _("Use %(methods)s.") % {"methods": allowed}
    return refuse(405, "method_not_allowed", _("This address does not know this method."), hint, {"Allow": allowed})


def install(api: NinjaAPI) -> None:
    """Let every exception end in a refusal."""
    for kind, handler in _HANDLERS.items():
        api.add_exception_handler(kind, handler)


def _action(request: HttpRequest, error: Any) -> HttpResponse:
    return refuse(error.status, error.code, error.message, error.hint)


def _account(request: HttpRequest, error: Any) -> HttpResponse:
    return refuse(error.status, error.code, str(error))


def _invalid(request: HttpRequest, error: Any) -> HttpResponse:
    """Where and why, but not what was sent: that may be a secret in the wrong field."""
    found = [f"{'.'.join(str(part) for part in one['loc'][-1:])}: {one['msg']}" for one in error.errors]
    speak(request)
    return refuse(422, "invalid", _("What was sent is not valid."), "; ".join(found)[:500])


def _not_signed_in(request: HttpRequest, error: Any) -> HttpResponse:
    speak(request)
    hint = _("Send “Authorization: Bearer TOKEN”. A token can be made under “Account”.")
    return refuse(401, "not_signed_in", _("Sign in first."), hint, {"WWW-Authenticate": 'Bearer realm="ondol"'})


def _throttled(request: HttpRequest, error: Any) -> HttpResponse:
    return refuse(429, "too_many_requests", _("That was too much at once."), _("Wait a little, then try again."))


def _http(request: HttpRequest, error: Any) -> HttpResponse:
    speak(request)
    if error.status_code == 404:
        return not_found(request)
    return refuse(error.status_code, "bad_request", _("The request cannot be understood."), str(error))


def _missing(request: HttpRequest, error: Any) -> HttpResponse:
    return not_found(request)


def _too_big(request: HttpRequest, error: Any) -> HttpResponse:
    speak(request)
    return refuse(413, "too_big", _("What was sent is too big."))


def _suspicious(request: HttpRequest, error: Any) -> HttpResponse:
    speak(request)
    return refuse(400, "bad_request", _("The request cannot be understood."))


def _unavailable(request: HttpRequest, error: Any) -> HttpResponse:
    speak(request)
    log.error("the database does not answer", extra={"path": request.path})
    return refuse(503, "unavailable", _("The database does not answer."), _("Try again in a minute."))


def _unforeseen(request: HttpRequest, error: Any) -> HttpResponse:
    speak(request)
    log.error("a request failed", exc_info=error, extra={"path": request.path, "method": request.method})
    return refuse(
        500, "internal", _("Something went wrong on our side"), _("Try again. If it stays, tell an administrator.")
    )


_HANDLERS: dict[type[Exception], Any] = {
    ActionError: _action,
    AccountError: _account,
    ValidationError: _invalid,
    AuthenticationError: _not_signed_in,
    Throttled: _throttled,
    HttpError: _http,
    Http404: _missing,
    RequestDataTooBig: _too_big,
    SuspiciousOperation: _suspicious,
    UnreadablePostError: _suspicious,
    OperationalError: _unavailable,
    InterfaceError: _unavailable,
    Exception: _unforeseen,
}
