"""The doors that somebody has opened: sessions and tokens."""

from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session

from ondol.accounts.models import ApiToken, User


def end(user: User) -> None:
    """End all sessions and tokens of a person, in the caller's transaction; none comes back with a later approval."""
    sessions = UserSession.objects.filter(user=user)
    Session.objects.filter(session_key__in=list(sessions.values_list("session_key", flat=True))).delete()
    sessions.delete()
    ApiToken.objects.filter(user=user).delete()
