"""Tokens of people who are not approved: none is made for them, but one may be left from a moment ago."""

from collections.abc import Sequence

from ondol.accounts.models import Approval, Scope, User
from ondol.accounts.tokens import create_token, scopes_of


def token_of(user: User, name: str = "test", scopes: Sequence[Scope] | None = None) -> str:
    """Return a token, made while its owner was approved."""
    there = User.objects.filter(pk=user.pk)
    wanted = list(scopes_of(user) if scopes is None else scopes)
    there.update(approval=Approval.APPROVED)
    try:
        return create_token(user, name, wanted)
    finally:
        there.update(approval=user.approval)
