"""What has expired and is of no use to anybody: sessions, what was noted of them, tokens, and entries of the cache."""

from datetime import UTC, datetime

from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.db.models import Exists, OuterRef

from ondol.accounts import cache, tokens


def prune() -> None:
    """Remove it. Anything may be removed twice, or be used at this moment: then it has not expired."""
    Session.objects.filter(expire_date__lt=datetime.now(UTC)).delete()
    with_session = Session.objects.filter(session_key=OuterRef("session_key"))
    UserSession.objects.exclude(Exists(with_session)).delete()
    tokens.forget_expired()
    cache.forget_expired()
