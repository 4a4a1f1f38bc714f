"""When somebody has last shown who they are: by password, passkey, authenticator app or a provider's sign-in."""

import time

from allauth.account import app_settings
from allauth.account.internal.flows.login import get_authentication_records
from django.http import HttpRequest

from ondol.accounts.models import User


def signed_in_recently(request: HttpRequest) -> bool:
    """Return whether it was within the last ten minutes, in this session. The time is real, as for sessions."""
    now, user = time.time(), request.user if isinstance(request.user, User) else None
    shown = (record.get("at", 0) for record in get_authentication_records(request, user))
    return any(now - app_settings.REAUTHENTICATION_TIMEOUT < at <= now + 1 for at in shown)
