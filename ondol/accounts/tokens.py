"""Personal API tokens: made once, shown once, kept as a digest."""

import hashlib
import secrets
from datetime import UTC, datetime, timedelta

from django.utils.translation import gettext as _

from ondol.accounts.models import ApiToken, User
from ondol.accounts.people import AccountError

PREFIX, AT_MOST = "ondol_", 20
_NOTE_USE_EVERY = timedelta(minutes=1)


def create_token(user: User, name: str) -> str:
    """Return the text of a new token of `user`, which is not stored. Raises AccountError beyond `AT_MOST`."""
    if ApiToken.objects.filter(user=user).count() >= AT_MOST:
        text = _("There are %(n)s tokens already. Revoke one that is not used any more.") % {"n": AT_MOST}
        raise AccountError(text, "too_many_tokens")
    token = PREFIX + secrets.token_urlsafe(32)
    ApiToken.objects.create(user=user, name=name, digest=_digest(token), hint=token[: len(PREFIX) + 4])
    return token


def user_of(token: str) -> User | None:
    """Return the owner of this token; None if there is none, or if the account is closed."""
    row = ApiToken.objects.select_related("user").filter(digest=_digest(token), user__is_active=True).first()
    if row is None:
        return None
    now = datetime.now(UTC)
    if row.used_at is None or now - row.used_at > _NOTE_USE_EVERY:
        ApiToken.objects.filter(pk=row.pk).update(used_at=now)
    return row.user


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode(errors="backslashreplace")).hexdigest()
