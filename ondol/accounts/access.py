"""How a person's access ends: sessions, API tokens, and changes of address that are not confirmed."""

from allauth.account.models import EmailAddress
from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session

from ondol import clock
from ondol.accounts.models import AddressChange, ApiToken, Scope, User
from ondol.audit.record import Action, asker, write


def end(user: User) -> None:
    """End all sessions and tokens of a person, in the caller's transaction; a later approval restores none."""
    sessions = UserSession.objects.filter(user=user)
    Session.objects.filter(session_key__in=list(sessions.values_list("session_key", flat=True))).delete()
    sessions.delete()
    ApiToken.objects.filter(user=user).delete()


def give_up_changes(user: User) -> None:
    """Void the changes of address that are not confirmed yet, in the caller's transaction."""
    EmailAddress.objects.filter(user=user, verified=False).exclude(email__iexact=user.email).delete()
    AddressChange.objects.filter(user=user, made_at=None, void_at=None).update(void_at=clock.real_now())


def end_administration(user: User) -> None:
    """Revoke the tokens that administrate, in the caller's transaction: a later promotion restores none."""
    revoked, _details = ApiToken.objects.filter(user=user, scopes__contains=[Scope.ADMINISTRATE]).delete()
    if revoked:
        write(Action.TOKEN_REVOKE, by=asker(), on=user, tokens=revoked)
