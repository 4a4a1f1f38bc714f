"""Invitations: people whom an administrator lets in before they ask. Each function may run twice; the second time it
does nothing."""

import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from django.contrib.auth.hashers import make_password
from django.core import signing
from django.db import IntegrityError, connection, transaction
from django.db.models import Q
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _

from ondol import clock
from ondol.accounts import access, mail, people, proof
from ondol.accounts.invited_rows import Row
from ondol.accounts.models import Approval, Decision, Invitation, User, language_of_installation
from ondol.accounts.old_address import kept_among
from ondol.accounts.people import AccountError, require_administrator
from ondol.audit.record import Action, refusals, write
from ondol.config import config
from ondol.outbox.jobs import send_later
from ondol.whom_to_ask import ask

TASK = "ondol.accounts.invitation"
DAYS = 14
"""How long the link in the e-mail works."""
INVITED = "INVITED"
"""The decision about somebody who had not asked."""
NOT_YET = Q(invitation__isnull=False, last_login=None, approval=Approval.APPROVED)
"""People who were invited and have never signed in."""
_SALT = "ondol.invitation"
_OPENED, _COMES_BACK_WITHIN = "ondol_invitation", 600
"""The session's key for a link that was opened, and for how many seconds the link counts."""
_NOT_AGAIN = timedelta(minutes=10)
"""No other invitation is sent for this long after one: a second click means the first."""


class Fate(StrEnum):
    """What will happen with a row."""

    INVITE = "invite"
    CLAIM = "claim"
    """Somebody has signed up with this address and not proven it: the owner of the address gets the account."""
    APPROVE = "approve"
    THERE = "there"
    INVITED = "invited"
    SUSPENDED = "suspended"
    REJECTED = "rejected"
    TAKEN = "taken"
    WRONG = "wrong"

    @property
    def is_act(self) -> bool:
        return self in {Fate.INVITE, Fate.CLAIM, Fate.APPROVE}


@dataclass(frozen=True, slots=True)
class Planned:
    """A row and what will happen with it."""

    row: Row
    fate: Fate
    user: User | None = None
    """Who has the address already."""


def plan(rows: Iterable[Row]) -> list[Planned]:
    """Return what will happen with each row, as things are now. Nothing is changed."""
    rows = list(rows)
    there = User.objects.filter(email__in=[row.email for row in rows if not row.error]).select_related("invitation")
    known = {user.email: user for user in there}
    proven = proof.proven_among([user.pk for user in known.values()])
    kept = kept_among([row.email for row in rows if not row.error and row.email not in known])
    return [_planned(row, known.get(row.email), proven, kept) for row in rows]


def invite(row: Row, by: User | None) -> Fate:
    """Do what is planned for a row, and return what was done. Raises AccountError.

    Whoever invites vouches for the address: its owner alone gets the e-mail with the link.
    """
    with refusals(Action.INVITE, by=by, asked=row.email), transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(hashtext('ondol.decision'))")
        require_administrator(by)
        planned = plan([row])[0]
        if planned.fate == Fate.INVITE:
            _add(row, by)
        elif planned.fate == Fate.CLAIM and planned.user:
            _claim(planned.user, row, by)
        elif planned.fate == Fate.APPROVE and planned.user:
            people.approve(planned.user.pk, by, vouches=True)
    return planned.fate


def invite_again(user_id: int, by: User | None) -> User:
    """Send another invitation, whose link works as long as the first one's did. Raises AccountError."""
    whom = User.objects.filter(pk=user_id).first()
    with refusals(Action.INVITE, by=by, on=whom, asked=None if whom else str(user_id)), transaction.atomic():
        require_administrator(by)
        user = User.objects.select_for_update(of=("self",), no_key=True).filter(NOT_YET, pk=user_id).first()
        if user is None:
            raise AccountError(
                _("Only somebody who was invited and has not signed in yet is invited again."), "not_invited"
            )
        if user.invitation.sent_at > clock.real_now() - _NOT_AGAIN:
            raise AccountError(_("An invitation was sent in the last ten minutes."), "just_invited")
        _send(user, by, again=True)
    return user


def send(user_id: int) -> None:
    """Write the e-mail, with a link that the job makes, since a job's arguments are stored. Do nothing if the
    invitation is over."""
    user = User.objects.filter(NOT_YET, pk=user_id, is_active=True).select_related("invitation", "decided_by").first()
    if user is None:
        return
    token = signing.dumps([user.pk, user.email], salt=_SALT)
    link = config().url + reverse("invitation", args=[token])
    about = {"link": link, "days": DAYS, "has_passwords": config().password_sign_in}
    mail.write(user, "invitation", {"person": user, "by": user.decided_by, **about})


def read(token: str) -> User:
    """Return who may come in by the link. Raises AccountError."""
    try:
        pk, email = signing.loads(token, salt=_SALT)
    except (signing.BadSignature, ValueError, TypeError):
        raise AccountError(_("This link is not complete. Open it as it is in the e-mail."), "unknown", 404) from None
    user = User.objects.filter(pk=pk, email=email, invitation__isnull=False).select_related("invitation").first()
    if user is None or not user.is_approved:
        raise AccountError(_("This invitation is not valid any more."), "not_invited", 410)
    if user.last_login or user.has_usable_password():
        raise AccountError(_("This invitation has been used. Sign in."), "used", 410)
    if user.invitation.has_lapsed:
        raise AccountError(ask(_("This invitation has lapsed. Ask an administrator for another one.")), "lapsed", 410)
    return user


def open_here(request: HttpRequest, token: str) -> None:
    """Note that the person of this link comes back from a provider within minutes, in this browser. Raises
    AccountError."""
    read(token)
    request.session[_OPENED] = [token, time.time()]


def take_opened(request: HttpRequest) -> User | None:
    """Return who has opened a link in this browser, once; None if nobody has, or too long ago."""
    token, at = request.session.pop(_OPENED, ("", 0.0))
    with suppress(AccountError):
        return read(token) if time.time() - at < _COMES_BACK_WITHIN else None
    return None


def _planned(row: Row, user: User | None, proven: set[int], kept: set[str]) -> Planned:
    if row.error:
        return Planned(row, Fate.WRONG)
    if user is None:
        return Planned(row, Fate.TAKEN if row.email.lower() in kept else Fate.INVITE)
    return Planned(row, _fate_of(user, is_proven=user.pk in proven), user)


def _fate_of(user: User, *, is_proven: bool) -> Fate:
    if not user.is_active or user.approval == Approval.SUSPENDED:
        return Fate.SUSPENDED
    if user.approval == Approval.REJECTED:
        return Fate.REJECTED
    if user.approval == Approval.PENDING:
        return Fate.CLAIM if config().wants_proof and not is_proven else Fate.APPROVE
    return Fate.INVITED if user.last_login is None and hasattr(user, "invitation") else Fate.THERE


def _add(row: Row, by: User | None) -> None:
    user = User(email=row.email, **_fields(row, by))
    user.set_unusable_password()
    try:
        with transaction.atomic():
            User.objects.bulk_create([user])  # not by `save`, which would record the same as the invitation does
    except IntegrityError:  # they have signed up since the list was looked at
        text = _("An account with %(email)s already exists.") % {"email": row.email}
        raise AccountError(text, "address_taken") from None
    _let_in(user, row, by)


def _claim(user: User, row: Row, by: User | None) -> None:
    """Give an account to the owner of its address: whoever signed up with it may be somebody else, who knows its
    password."""
    EmailAddress.objects.filter(user=user).delete()
    SocialAccount.objects.filter(user=user).delete()
    Authenticator.objects.filter(user=user).delete()
    access.give_up_changes(user)
    access.end(user)
    # Not by `save`, which would write an e-mail about a new password to somebody who has had none.
    unusable = make_password(None)
    User.objects.filter(pk=user.pk).update(password=unusable, last_login=None, **_fields(row, by))
    user.refresh_from_db()
    _let_in(user, row, by)


def _fields(row: Row, by: User | None) -> dict[str, Any]:
    return {
        "name": row.name,
        "affiliation": row.affiliation,
        "language": row.language or language_of_installation(),
        "approval": Approval.APPROVED,
        "decided_by": by,
        "decided_at": clock.now(),
        "purpose": "",
        "decision_reason": "",
    }


def _let_in(user: User, row: Row, by: User | None) -> None:
    proof.mark(user)
    Decision.objects.create(user=user, by=by, what=INVITED)
    _send(user, by, language_is_chosen=bool(row.language))


def _send(user: User, by: User | None, *, again: bool = False, **fields: bool) -> None:
    now = clock.real_now()
    fields_then = {"sent_at": now, "until": now + timedelta(days=DAYS), **fields}
    Invitation.objects.update_or_create(user=user, defaults=fields_then)
    write(Action.INVITE, by=by, on=user, again=again or None)
    send_later(TASK, user_id=user.pk)
