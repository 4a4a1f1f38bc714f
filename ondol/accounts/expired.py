"""Removal of what has expired: sessions, what was noted of them, tokens, and entries of the cache."""

from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.db.models import Exists, OuterRef

from ondol import clock
from ondol.accounts import cache, tokens


def prune() -> None:
    """Remove what has expired. It may run twice; what is in use at this moment has not expired."""
    Session.objects.filter(expire_date__lt=clock.real_now()).delete()
    with_session = Session.objects.filter(session_key=OuterRef("session_key"))
    UserSession.objects.exclude(Exists(with_session)).delete()
    tokens.forget_expired()
    cache.forget_expired()
