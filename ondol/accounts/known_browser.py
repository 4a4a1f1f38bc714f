"""Browsers in which somebody has signed in before have a limit of failed sign-ins of their own.

Five wrong passwords close an address for five minutes. Otherwise, whoever knows somebody's address could keep them out,
from anywhere; and one person of an institute's network could keep out all others.
"""

from datetime import timedelta

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from ondol.accounts.models import User

LASTS = timedelta(days=365)
LIMIT = "5/5m/key"
"""How often somebody may fail in the browsers that know them: as often as everybody else together."""
_SALT = "ondol.accounts.known_browser"


def remember(response: HttpResponse, user: User) -> None:
    """Let this browser know who has signed in. Its cookie signs nobody in."""
    response.set_signed_cookie(
        settings.KNOWN_BROWSER_COOKIE_NAME,
        str(user.pk),
        salt=_SALT,
        max_age=LASTS,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


def knows(request: HttpRequest, email: str) -> bool:
    """Return whether the person with this address has signed in here before."""
    pk = request.get_signed_cookie(settings.KNOWN_BROWSER_COOKIE_NAME, "", salt=_SALT, max_age=LASTS) or ""
    return pk != "" and User.objects.filter(pk=pk, email__iexact=email).exists()
