"""Administrators need a second factor outside of the trial, and have some days to set one up."""

from datetime import datetime, timedelta

from allauth.mfa.models import Authenticator
from allauth.mfa.utils import is_mfa_enabled

from ondol import clock
from ondol.accounts.models import User
from ondol.config import config

_KINDS = [Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN]
"""Recovery codes alone are no second factor."""


def is_missing(user: User) -> bool:
    """Return whether somebody has to have a second factor, and has none."""
    return config().cloud == "aws" and user.is_admin and not is_mfa_enabled(user, types=_KINDS)


def due_at(user: User) -> datetime | None:
    """Return until when an administrator without a second factor may administrate; None if none is missing."""
    if not is_missing(user):
        return None
    # Whoever an older web has promoted during an upgrade has no date.
    since = user.administrates_since or user.created_at
    return since + timedelta(days=config().admin_second_factor_days)


def is_overdue(user: User) -> bool:
    """Return whether an administrator has to set one up before anything else."""
    due = due_at(user)
    return due is not None and due <= clock.real_now()
