"""Sessions whose keys are in cookies alone: the database has a digest, so a stolen copy of it signs nobody in."""

import hashlib
from collections.abc import Mapping
from contextvars import ContextVar
from datetime import UTC, datetime
from functools import partial
from typing import Any, cast

from django.conf import settings
from django.contrib import auth
from django.contrib.auth import SESSION_KEY
from django.contrib.auth import middleware as authentication
from django.contrib.auth.models import AnonymousUser
from django.contrib.sessions import middleware
from django.contrib.sessions.backends import db
from django.contrib.sessions.backends.base import VALID_KEY_CHARS
from django.contrib.sessions.models import Session
from django.http import HttpRequest, HttpResponse
from django.utils.crypto import constant_time_compare, get_random_string
from django.utils.functional import SimpleLazyObject

from ondol import clock
from ondol.accounts.models import User
from ondol.database.kept import Kept
from ondol.keys import vault

_made: ContextVar[dict[str, str]] = ContextVar("made")
"""The secrets of sessions that this request has made, by digest: allauth opens a new session once more, by its key."""

TOTP_SETUP = "mfa.totp.secret"
"""Where allauth keeps the secret of an authenticator app until the first code from it was entered."""


def digest(secret: str) -> str:
    """Return what is kept of a session's secret: 160 bits, which is what Django's column has room for."""
    return hashlib.sha256(secret.encode()).hexdigest()[:40]


class SessionStore(db.SessionStore):
    """Keeps sessions by the digest of a secret. `session_key` is the digest, also for allauth's list of sessions."""

    secret = ""
    """What the cookie has; empty if this session was opened by its digest."""

    @property
    def key_salt(self) -> str:
        """Return what Django signs the data with, besides its secret key: the data of one row are void in another."""
        return f"{super().key_salt}.{self.session_key}"

    person: User | None = None
    """Whose session it is by allauth's list of sessions, read with the session in one query; still to be checked."""

    def _get_session_from_db(self) -> Session | None:
        found = _WITH_PERSON.first(self.session_key, clock.real_now())
        if found is None:  # one that allauth does not list
            return cast("Session | None", super()._get_session_from_db())  # type: ignore[misc]
        data = found.__dict__.pop("session_data")
        if data is None:
            self._session_key = None
            return None
        self.person = found
        return Session(session_key=self.session_key or "", session_data=data)

    @classmethod
    def of_cookie(cls, secret: str) -> "SessionStore":
        """Return the session that belongs to a cookie, which may be anything that somebody has sent."""
        store = cls(digest(secret))
        store.secret = secret
        return store

    def encode(self, session_dict: dict[str, Any]) -> str:
        """Return what the database keeps. The secret of an authenticator app that is being set up is sealed in it."""
        if secret := session_dict.get(TOTP_SETUP):
            session_dict = session_dict | {TOTP_SETUP: vault.seal_text(_label(session_dict), secret)}
        return super().encode(session_dict)

    def decode(self, session_data: bytes | str) -> dict[str, Any]:
        """Return what `encode` was given. A secret that does not open is left out, and another one is made."""
        found: dict[str, Any] = super().decode(session_data)
        if sealed := vault.from_text(found.get(TOTP_SETUP, "")):
            try:
                found[TOTP_SETUP] = vault.open_sealed(_label(found), sealed)
            except vault.VaultError:
                del found[TOTP_SETUP]
        return found

    def _get_new_session_key(self) -> str:
        self.secret = get_random_string(32, VALID_KEY_CHARS)
        key = digest(self.secret)
        _made.get({})[key] = self.secret
        return key


_WITH_PERSON = Kept[User](
    lambda key, now: User.objects.filter(usersession__session_key=key).annotate(
        session_data=Session.objects.filter(session_key=key, expire_date__gt=now).values("session_data")
    ),
    "key",
    datetime(2000, 1, 1, tzinfo=UTC),
)


def _label(session: Mapping[str, Any]) -> vault.Label:
    return vault.Label("totp_setup", str(session.get(SESSION_KEY, "")))


class SessionMiddleware(middleware.SessionMiddleware):
    """Has the secret of a session in the cookie where Django would have its key."""

    def process_request(self, request: HttpRequest) -> None:
        """Open the session of the request's cookie."""
        _made.set({})
        cookie = request.COOKIES.get(settings.SESSION_COOKIE_NAME)
        request.session = SessionStore.of_cookie(cookie) if cookie else SessionStore()

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        """Save the session, and set the cookie to its secret."""
        response = super().process_response(request, response)
        cookie = response.cookies.get(settings.SESSION_COOKIE_NAME)
        if cookie is not None and cookie.value:
            secret = self._secret(request)
            cookie.set(settings.SESSION_COOKIE_NAME, secret, secret)
        return response

    @staticmethod
    def _secret(request: Any) -> str:
        sent = request.COOKIES.get(settings.SESSION_COOKIE_NAME, "")
        key = request.session.session_key
        return str(sent if digest(sent) == key else _made.get()[key])


class AuthenticationMiddleware(authentication.AuthenticationMiddleware):
    """Sets `request.user` as Django's does, without a query where the person was read with the session."""

    def process_request(self, request: HttpRequest) -> None:
        """Let `request.user` be found when it is first used."""
        super().process_request(request)
        request.user = SimpleLazyObject(partial(_person_of, request))  # type: ignore[assignment]


def _person_of(request: Any) -> User | AnonymousUser:
    if not hasattr(request, "_cached_user"):
        request._cached_user = known_person(request.session) or auth.get_user(request)
    found: User | AnonymousUser = request._cached_user
    return found


def known_person(session: SessionStore) -> User | None:
    """Return the person read with a session if all of Django's checks hold; Django decides about all others."""
    if auth.SESSION_KEY not in session or (person := session.person) is None:
        return None
    is_theirs = session[auth.SESSION_KEY] == str(person.pk) and person.is_active
    is_known_way = session.get(auth.BACKEND_SESSION_KEY) in settings.AUTHENTICATION_BACKENDS
    mark, given = person.get_session_auth_hash(), session.get(auth.HASH_SESSION_KEY, "")
    return person if is_theirs and is_known_way and constant_time_compare(given, mark) else None
