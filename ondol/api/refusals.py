"""How a program is refused: `{"error": {"code", "message", "hint"}}`, in the person's language, never a traceback."""

import logging
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse, RawPostDataException, UnreadablePostError
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError, Throttled, ValidationError

from ondol.accounts.people import AccountError
from ondol.api import validation_errors
from ondol.api.scopes import InsufficientScope, TokenExpired
from ondol.database.away import is_away
from ondol.instances.errors import ActionError
from ondol.language import language_of
from ondol.request_id import HEADER, request_id
from ondol.whom_to_ask import ask

log = logging.getLogger(__name__)

UNAVAILABLE_FOR = 5
"""The seconds in Retry-After where nothing else is known."""


def refuse(
    status: int, code: str, message: str, hint: str = "", headers: Mapping[str, str] | None = None
) -> HttpResponse:
    """Return one refusal."""
    if status == 503:
        headers = {"Retry-After": str(UNAVAILABLE_FOR), **(headers or {})}
    told = {"error": {"code": code, "message": message, "hint": hint}}
    return JsonResponse(told, status=status, headers=headers, json_dumps_params={"ensure_ascii": False})


def speak(request: HttpRequest) -> None:
    """Set the language for an unknown caller; that of a known person has been set already."""
    if not hasattr(request, "auth") and settings.SESSION_COOKIE_NAME not in request.COOKIES:
        translation.activate(language_of(request))


def not_found(request: HttpRequest) -> HttpResponse:
    """Return the refusal for an unknown address."""
    speak(request)
    return refuse(404, "not_found", _("There is no such address."), _("See /api/openapi.json for what there is."))


def wrong_method(request: HttpRequest, allowed: str) -> HttpResponse:
    """Return the refusal for a known address with another method."""
    speak(request)
    hint = _("Use %(methods)s.") % {"methods": allowed}
    return refuse(405, "method_not_allowed", _("This address does not support this method."), hint, {"Allow": allowed})


def https_required(request: HttpRequest) -> HttpResponse:
    """Return the refusal for a call by http: a redirect would let a program send its token in the clear for ever."""
    speak(request)
    hint = _("Use the address with https. If a token was sent with it, revoke that token: others could read it.")
    return refuse(403, "https_required", _("The API answers by https only."), hint)


def install(api: NinjaAPI) -> None:
    """Turn every exception into a refusal."""
    for kind, handler in _HANDLERS.items():
        api.add_exception_handler(kind, handler)


def _action(request: HttpRequest, error: Any) -> HttpResponse:
    headers = {"Retry-After": str(error.retry_after)} if error.retry_after is not None else None
    return refuse(error.status, error.code, error.message, error.hint, headers)


def _account(request: HttpRequest, error: Any) -> HttpResponse:
    return refuse(error.status, error.code, str(error))


def _invalid(request: HttpRequest, error: Any) -> HttpResponse:
    speak(request)
    return refuse(422, "invalid", _("The request is not valid."), validation_errors.told(error.errors))


def _not_signed_in(request: HttpRequest, error: Any) -> HttpResponse:
    speak(request)
    hint = _("Send “Authorization: Bearer TOKEN”. A token can be made under “Account”.")
    return refuse(401, "not_signed_in", _("Sign in first."), hint, {"WWW-Authenticate": 'Bearer realm="ondol"'})


def _token_expired(request: HttpRequest, error: Any) -> HttpResponse:
    hint = _("Make a new one under “Account”.")
    told = {
        "WWW-Authenticate": 'Bearer realm="ondol", error="invalid_token", error_description="The token has expired"'
    }
    return refuse(401, "token_expired", _("This token has expired."), hint, told)


def _insufficient_scope(request: HttpRequest, error: Any) -> HttpResponse:
    """Name the scope in the words of RFC 6750, too."""
    message = _("This needs a token with the scope “%(scope)s”.") % {"scope": error.scope}
    hint = _("Make a token with this scope under “Account”.")
    told = {"WWW-Authenticate": f'Bearer realm="ondol", error="insufficient_scope", scope="{error.scope}"'}
    return refuse(403, "insufficient_scope", message, hint, told)


def _throttled(request: HttpRequest, error: Any) -> HttpResponse:
    text = ngettext(
        "Wait %(seconds)d second, then try again.", "Wait %(seconds)d seconds, then try again.", error.wait or 1
    )
    hint = text % {"seconds": error.wait or 1}
    return refuse(429, "too_many_requests", _("Too many requests at once."), hint)  # Ninja adds Retry-After


def _unreadable(request: HttpRequest, error: Any) -> HttpResponse:
    speak(request)
    hint = _("The body has to be JSON.")
    return refuse(error.status_code, "bad_request", _("The request cannot be understood."), hint)


def _no_json(request: HttpRequest, error: Any) -> HttpResponse:
    """Return the refusal for a body that Django has read as a form, which then cannot be read as JSON."""
    speak(request)
    return refuse(400, "bad_request", _("The request cannot be understood."), _("The body has to be JSON."))


def _missing(request: HttpRequest, error: Any) -> HttpResponse:
    return not_found(request)


def too_big(request: HttpRequest, error: Any = None) -> HttpResponse:
    """Return the refusal for a body that is too big."""
    speak(request)
    return refuse(413, "too_big", _("The request is too big."))


def bad_request(request: HttpRequest, error: Any = None) -> HttpResponse:
    """Return the refusal for requests that Django rejects before any view, such as for an unknown host."""
    speak(request)
    return refuse(400, "bad_request", _("The request cannot be understood."))


def unavailable(request: HttpRequest, error: Any = None) -> HttpResponse:
    """Return the refusal while PostgreSQL is away, in a view or before any."""
    speak(request)
    log.error("the database does not answer", extra={"path": request.path})
    return refuse(503, "unavailable", _("The database does not answer."), _("Try again in a minute."))


def internal(request: HttpRequest) -> HttpResponse:
    """Return the refusal for an error of our own, in a view or around it."""
    speak(request)
    hint = ask(_("Try again. If it persists, tell an administrator."))
    return refuse(500, "internal", _("Something went wrong on our side"), f"{hint} {HEADER}: {request_id.get()}")


def _unforeseen(request: HttpRequest, error: Exception) -> HttpResponse:
    if is_away(error):
        return unavailable(request)
    log.error("a request failed", exc_info=error, extra={"path": request.path, "method": request.method})
    return internal(request)


_HANDLERS: dict[type[Exception], Any] = {
    ActionError: _action,
    AccountError: _account,
    ValidationError: _invalid,
    AuthenticationError: _not_signed_in,
    TokenExpired: _token_expired,
    InsufficientScope: _insufficient_scope,
    Throttled: _throttled,
    HttpError: _unreadable,
    Http404: _missing,
    RequestDataTooBig: too_big,
    SuspiciousOperation: bad_request,
    UnreadablePostError: bad_request,
    RawPostDataException: _no_json,
    Exception: _unforeseen,
}
