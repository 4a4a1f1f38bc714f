"""When somebody has last shown who they are: by password, passkey, authenticator app or a provider's sign-in."""

import time
from typing import Any

from allauth.account import app_settings
from allauth.account.internal.flows.login import get_authentication_records
from allauth.account.internal.flows.reauthentication import STATE_SESSION_KEY
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.http import HttpRequest

from ondol.accounts.models import User

TRIES = 5
_WRONG = "ondol_wrong"


class SessionEnded(Exception):
    """Somebody who has signed in has typed too many wrong passwords or codes: the session ends."""


def is_last_try(request: HttpRequest) -> bool:
    """Count a wrong password or code of somebody who has signed in, and return whether it was one too many."""
    request.session[_WRONG] = request.session.get(_WRONG, 0) + 1
    return bool(request.session[_WRONG] >= TRIES)


def has_ended(request: HttpRequest) -> bool:
    """Return whether somebody has signed in in this session so long ago that it does not count any more.

    Django prolongs a session whenever something in it changes, and a thief can make it change.
    """
    records = get_authentication_records(request, request.user if isinstance(request.user, User) else None)
    first = min((record.get("at", 0) for record in records), default=time.time())
    return first < time.time() - settings.SESSION_COOKIE_AGE


def renew(request: HttpRequest) -> None:
    """Give this session another secret: whoever has a copy of the cookie from before is signed out.

    Otherwise a stolen cookie would become a recent sign-in whenever its owner shows who they are.
    """
    old = request.session.session_key
    request.session.cycle_key()
    UserSession.objects.filter(session_key=old).update(session_key=request.session.session_key)


def confirmed(request: HttpRequest, user: User, method: str, **_about: Any) -> None:
    """Renew the session of somebody who has signed in and shows once more who they are; allauth's signal."""
    by = request.user
    if by.is_authenticated and by.pk == user.pk and method != "signup":
        request.session.pop(_WRONG, None)
        request.session.pop(STATE_SESSION_KEY, None)  # a thief may have begun what allauth would do now
        renew(request)


def signed_in_recently(request: HttpRequest) -> bool:
    """Return whether they have shown it in this session within the last ten minutes (real time)."""
    now, user = time.time(), request.user if isinstance(request.user, User) else None
    shown = (record.get("at", 0) for record in get_authentication_records(request, user))
    return any(now - app_settings.REAUTHENTICATION_TIMEOUT < at <= now + 1 for at in shown)
