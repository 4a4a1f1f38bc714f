"""The ways by which somebody comes in besides their password, and since when: a thief may have left one."""

from dataclasses import dataclass
from datetime import datetime

from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from django.utils.translation import gettext as _

from ondol.accounts.models import User


@dataclass(frozen=True)
class WayIn:
    """A passkey, an authenticator app, or an account of a provider."""

    kind: str
    """A type of allauth's authenticators, or `provider`."""
    name: str
    added_at: datetime


def of(user: User) -> list[WayIn]:
    """Return somebody's ways in, newest first. Recovery codes do not count: they belong to a second factor."""
    factors = Authenticator.objects.filter(user=user).exclude(type=Authenticator.Type.RECOVERY_CODES)
    ways = [WayIn(one.type, str(one.data.get("name") or ""), one.created_at) for one in factors]
    for account in SocialAccount.objects.filter(user=user):
        ways.append(WayIn("provider", account.provider, account.date_joined))
    return sorted(ways, key=lambda way: way.added_at, reverse=True)


def reminder() -> str:
    """Return the advice for whoever has just signed out other browsers: look at the other ways in, too."""
    return _("Passkeys, authenticator apps and connected accounts stay. Under “Account”, remove those you do not know.")
