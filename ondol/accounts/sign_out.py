"""Signing out everywhere: other browsers, and programs with a token."""

from typing import Any

from allauth.core import context
from allauth.usersessions.adapter import DefaultUserSessionsAdapter
from django.contrib import messages
from django.db import transaction

from ondol.accounts import tokens, ways_in
from ondol.accounts.recent import renew
from ondol.audit.record import Action, asker, write


class UserSessionsAdapter(DefaultUserSessionsAdapter):
    """Ends sessions as allauth does, and API tokens too: whoever signs out everywhere means programs as well."""

    def end_sessions(self, sessions: Any) -> None:
        """End these sessions, and revoke all tokens of their owner.

        The present session goes on with another secret: a copy of its cookie signs nobody in.

        The owner is also whoever is signed in here. Nobody is while an institute's sign-in takes over an account that
        somebody else may have prepared.
        """
        owners = {session.user for session in sessions}
        if context.request.user.is_authenticated:
            owners.add(context.request.user)
        with transaction.atomic():
            super().end_sessions(sessions)
            if context.request.user.is_authenticated and context.request.user in owners:
                renew(context.request)
            for owner in owners:
                write(Action.SIGN_OUT_EVERYWHERE, by=asker(), on=owner)
                tokens.revoke_all(owner)
        if context.request.user.is_authenticated and ways_in.of(context.request.user):
            messages.warning(context.request, ways_in.reminder())
