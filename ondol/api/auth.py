"""Authentication: a personal token, or the browser's session with CSRF.

An Authorization header alone decides if present.
"""

from collections.abc import Callable
from typing import Any, cast

from allauth.core.internal.httpkit import get_client_ip
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import CsrfViewMiddleware
from django.utils import translation
from django.utils.translation import gettext as _
from ninja.errors import AuthenticationError
from ninja.security import APIKeyCookie, HttpBearer

from ondol.accounts import second_factor, tokens
from ondol.accounts.models import User
from ondol.accounts.people import require_administrator
from ondol.accounts.people import require_approved as approved
from ondol.accounts.recent import signed_in_recently
from ondol.api import scopes
from ondol.audit.actions import Action
from ondol.audit.denials import note_denial
from ondol.audit.record import Refusal
from ondol.instances.errors import ActionError

Rule = Callable[[User], None]
"""Raises a Refusal for people who are not allowed in."""


class ApiRequest(HttpRequest):
    """A request of a person who is known and allowed in."""

    auth: User
    token: int
    """The number of the token, if it came with one."""


def administrator(user: User) -> None:
    """Raise a Refusal unless the person is an administrator, with a second factor where one is needed."""
    approved(user)
    require_administrator(user)
    if second_factor.is_overdue(user):
        text = _("Set up a second factor first")
        raise ActionError("second_factor_needed", text, _("On the pages, under “Account”."), 403)


class Token(HttpBearer):
    """Authenticates by `Authorization: Bearer TOKEN`."""

    openapi_description = (
        "A personal token, made under “Account” or by `ondol token create EMAIL`. It has an end, and one or several of "
        "the scopes `read`, `machine` and `administrate`; each operation names the one that it needs."
    )

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        super().__init__()

    def __call__(self, request: HttpRequest) -> User | None:
        if "Authorization" not in request.headers:
            return None
        user: User | None = super().__call__(request)
        if user is None:  # and the session does not count any more
            raise AuthenticationError
        return user

    def authenticate(self, request: HttpRequest, token: str) -> User | None:
        row = tokens.find(token.strip())
        if row is None:
            note_denial(Action.TOKEN_REFUSED, "unknown")
            return None
        translation.activate(row.user.language)
        if row.has_expired:
            note_denial(Action.TOKEN_REFUSED, "expired", on=row.user, name=row.name)
            raise scopes.TokenExpired
        cast(ApiRequest, request).token = row.pk
        tokens.note_use(row, get_client_ip(request))
        _require(self.rule, row.user, request)
        try:
            scopes.require(row.scopes, request)
        except scopes.InsufficientScope as error:
            operation = scopes.operation_of(request)
            note_denial(Action.TOKEN_REFUSED, f"scope_{error.scope}", on=row.user, name=row.name, operation=operation)
            raise
        return row.user


class Session(APIKeyCookie):
    """Authenticates by the session cookie; a request that changes something needs the CSRF token in `X-CSRFToken`
    too."""

    param_name = settings.SESSION_COOKIE_NAME
    openapi_description = "The browser's session. POST and DELETE need `X-CSRFToken` besides."

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        super().__init__(csrf=False)  # CSRF is checked below, once somebody is signed in: 401 comes before 403

    def authenticate(self, request: HttpRequest, key: str | None) -> User | None:
        if not request.user.is_authenticated:
            return None
        if _Csrf(_nothing).refuses(request):
            raise ActionError("csrf", _("The CSRF token is missing or too old."), _("Send it in X-CSRFToken."), 403)
        _require(self.rule, request.user, request)
        if scopes.operation_of(request) in scopes.NEED_RECENT_SIGN_IN:
            require_recent_sign_in(request)
        return request.user


def _require(rule: Rule, person: User, request: HttpRequest) -> None:
    """Raise a Refusal for a person who is not allowed in, and tell the record."""
    try:
        rule(person)
    except Refusal as error:
        note_denial(Action.DENIED, error.code, by=person, operation=scopes.operation_of(request))
        raise


def require_recent_sign_in(request: HttpRequest) -> None:
    """Raise ActionError for a session whose last sign-in is long ago. A token has its scope instead."""
    if "Authorization" not in request.headers and not signed_in_recently(request):
        hint = _("Confirm on the website that it is you, or use a token.")
        raise ActionError("recent_sign_in_needed", _("This needs a sign-in within the last ten minutes."), hint, 403)


class _Csrf(CsrfViewMiddleware):
    """Django's CSRF check, which answers in JSON instead of a page."""

    def refuses(self, request: HttpRequest) -> bool:
        # Set when the middleware let this view through: Ninja's views are exempt there.
        request.__dict__.pop("csrf_processing_done", None)
        self.process_request(request)
        return self.process_view(request, _nothing, (), {}) is not None

    def _reject(self, request: HttpRequest, reason: str) -> HttpResponse:
        return HttpResponse(status=403)


def _nothing(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
    return HttpResponse()


PERSON = (Token(approved), Session(approved))
ADMINISTRATOR = (Token(administrator), Session(administrator))
