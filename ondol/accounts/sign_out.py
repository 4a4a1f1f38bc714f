"""Signing out everywhere: other browsers, and programs with a token."""

from typing import Any

from allauth.core import context
from allauth.usersessions.adapter import DefaultUserSessionsAdapter
from django.db import transaction

from ondol.accounts import tokens


class UserSessionsAdapter(DefaultUserSessionsAdapter):
    """Ends what allauth ends, and tokens with it: whoever signs out everywhere means programs too."""

    def end_sessions(self, sessions: Any) -> None:
        """End these sessions, and revoke all tokens of whoever asks."""
        with transaction.atomic():
            super().end_sessions(sessions)
            tokens.revoke_all(context.request.user)
