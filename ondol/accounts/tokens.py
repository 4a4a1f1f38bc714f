"""Personal API tokens: made once, shown once, kept as a digest, for some scopes and until some day."""

import hashlib
import secrets
from collections.abc import Iterable
from datetime import timedelta

from django.db import transaction
from django.utils.translation import gettext as _

from ondol import clock
from ondol.accounts import second_factor
from ondol.accounts.models import TOKEN_DAYS, ApiToken, Scope, User
from ondol.accounts.people import AccountError, require_administrator, require_approved
from ondol.accounts.security_letters import record_and_tell
from ondol.audit.record import Action, asker, refusals, write

PREFIX, AT_MOST = "ondol_", 20
LIVES = (7, 30, TOKEN_DAYS, 365)
"""How many days a token may live."""
KEPT_AFTER_ITS_END = timedelta(days=30)
"""Its owner still sees it in the list for this long, and a program that uses it reads that it has expired."""
_NOTE_USE_EVERY = timedelta(minutes=1)


def scopes_of(user: User) -> list[Scope]:
    """Return the scopes that somebody may give to a token."""
    return [scope for scope in Scope if scope != Scope.ADMINISTRATE or user.is_admin]


def create_token(
    user: User, name: str, scopes: Iterable[Scope] = (Scope.READ, Scope.MACHINE), days: int = TOKEN_DAYS
) -> str:
    """Return the text of a new token of `user`, which is not stored. Raises AccountError."""
    with refusals(Action.TOKEN_MAKE, by=asker(), on=user), transaction.atomic():
        return _create(user, name, scopes, days)


def _create(user: User, name: str, scopes: Iterable[Scope], days: int) -> str:
    # A suspension or demotion locks this row, and removes the tokens that it sees.
    user = User.objects.select_for_update(no_key=True).get(pk=user.pk)
    now, given = clock.real_now(), set(scopes)
    require_approved(user)
    wanted = [scope for scope in Scope if scope in given]
    if Scope.ADMINISTRATE in wanted:
        require_administrator(user)
    if Scope.ADMINISTRATE in wanted and second_factor.is_missing(user):
        text = _("Set up a second factor first: this token could approve people and delete machines.")
        raise AccountError(text, "second_factor_needed", 403)
    if not wanted or days not in LIVES:
        raise AccountError(_("Choose at least one scope, and when the token expires."), "invalid", 422)
    if ApiToken.objects.filter(user=user, expires_at__gt=now).count() >= AT_MOST:
        text = _("There are already %(n)s tokens. Revoke one that is no longer used.") % {"n": AT_MOST}
        raise AccountError(text, "too_many_tokens")
    token = PREFIX + secrets.token_urlsafe(32)
    ApiToken.objects.create(
        user=user,
        name=name,
        digest=_digest(token),
        hint=token[: len(PREFIX) + 4],
        scopes=wanted,
        expires_at=now + timedelta(days=days),
    )
    record_and_tell(Action.TOKEN_MAKE, user, name=name, scopes=wanted, days=days)
    return token


def find(token: str) -> ApiToken | None:
    """Return the token with its owner, even if it has expired; None if there is none or the account is closed."""
    return ApiToken.objects.select_related("user").filter(digest=_digest(token), user__is_active=True).first()


def note_use(row: ApiToken, address: str | None) -> None:
    """Save when and from where a token was used, at most once a minute; the record tells of the first time."""
    now = clock.real_now()
    if row.used_at is not None and now - row.used_at <= _NOTE_USE_EVERY:
        return
    with transaction.atomic():
        same = ApiToken.objects.filter(pk=row.pk)
        is_first = row.used_at is None and same.filter(used_at=None).update(used_at=now, used_from=address)
        if is_first:
            write(Action.TOKEN_USE, by=row.user, on=row.user, name=row.name)
        else:
            same.update(used_at=now, used_from=address)


def revoke(user: User, pk: int) -> bool:
    """Revoke one of somebody's own tokens; False: there is no such token of theirs."""
    with transaction.atomic():
        row = ApiToken.objects.select_for_update().filter(user=user, pk=pk).first()
        if row is None:
            return False
        row.delete()
        write(Action.TOKEN_REVOKE, by=asker(), on=user, name=row.name, tokens=1)
    return True


def revoke_all(user: User) -> None:
    """Revoke all tokens of somebody, in the caller's transaction; it may run twice."""
    revoked, _details = ApiToken.objects.filter(user=user).delete()
    if revoked:
        write(Action.TOKEN_REVOKE, by=asker(), on=user, tokens=revoked)


def forget_expired() -> None:
    """Remove the tokens whose end is long ago; it may run twice."""
    ApiToken.objects.filter(expires_at__lt=clock.real_now() - KEPT_AFTER_ITS_END).delete()


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode(errors="backslashreplace")).hexdigest()
