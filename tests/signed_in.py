"""Sign-in of Django's test client, whose cookie has to be a session's secret and not its key."""

from allauth.usersessions.models import UserSession
from django.conf import settings
from django.test import Client

from ondol.accounts.models import User
from ondol.accounts.sessions import SessionStore


def sign_in(client: Client, user: User, **extra: object) -> str:
    """Sign in with a session that has `extra` in it, too; return the value of its cookie."""
    client.force_login(user, settings.AUTHENTICATION_BACKENDS[0])
    session = client.session
    assert isinstance(session, SessionStore)
    session.cycle_key()  # to a key whose secret is known here
    session.update(extra)
    session.save()
    listed = UserSession(user=user, session_key=session.session_key, ip="127.0.0.1", user_agent="")
    listed.save()  # as allauth does at each sign-in
    client.cookies[settings.SESSION_COOKIE_NAME] = session.secret
    return session.secret


def session_of(client: Client) -> SessionStore:
    """Return the session of a client's cookie; `client.session` takes the cookie for the key."""
    return SessionStore.of_cookie(client.cookies[settings.SESSION_COOKIE_NAME].value)
