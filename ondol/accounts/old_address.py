"""The e-mail to the old address when somebody changes theirs, and the link in it that takes the change back.

A link stands for one change. It takes back that one and all that came later, so whoever has the address from before the
first of them has the last word: later links were sent to addresses that somebody else may have set.
"""

import logging
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from django.core import signing
from django.db import transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Lower
from django.urls import reverse
from django.utils.translation import gettext as _

from ondol import clock
from ondol.accounts import access, letters, ways_in
from ondol.accounts.mail import write
from ondol.accounts.models import AddressChange, Approval, User
from ondol.accounts.people import AccountError
from ondol.accounts.ways_in import WayIn
from ondol.audit import record
from ondol.audit.record import Action
from ondol.config import config
from ondol.outbox.jobs import send_later
from ondol.whom_to_ask import ask

log = logging.getLogger(__name__)

TASK = "ondol.accounts.old_address"
WORKS_FOR = timedelta(days=7)
_SALT = "ondol.old-address"
_SALT_OF_JOB = "ondol.old-address.job"
"""Different from the link's: the proof of a job is in the database, and must not take a change back."""


@dataclass(frozen=True)
class Change:
    """What a link stands for, and what taking it back does."""

    user: User
    row: AddressChange
    removed: list[WayIn] = field(default_factory=list)
    kept: list[WayIn] = field(default_factory=list)

    @property
    def old(self) -> str:
        return self.row.old

    @property
    def is_made(self) -> bool:
        """Return whether the change is in force; before, it only waits to be confirmed."""
        return self.user.email.lower() != self.old.lower()

    @property
    def new(self) -> str:
        """Return the new address, in force or not yet confirmed; empty if there is none."""
        if self.is_made:
            return self.user.email
        waiting = EmailAddress.objects.filter(user=self.user, verified=False).exclude(email__iexact=self.old).first()
        return waiting.email if waiting else ""


def asked(user: User, new: str) -> None:
    """Note a change that is not confirmed yet, and tell the present address, in the caller's transaction."""
    _tell_later(AddressChange.objects.create(user=user, old=user.email, new=new))


def made(user: User, old: str) -> None:
    """Note that a change is made, and tell the old address, in the caller's transaction."""
    now = clock.real_now()
    rows = AddressChange.objects.filter(user=user, void_at=None)
    waiting = rows.filter(old__iexact=old, new__iexact=user.email, made_at=None)
    row = waiting.last() or AddressChange(user=user, old=old, new=user.email)
    row.made_at = now
    row.save()
    # An earlier address is in force again: its links, and those of the changes since, have nothing left to undo.
    if first := rows.filter(old__iexact=user.email).first():
        rows.filter(pk__gte=first.pk).update(void_at=now)
    _tell_later(row)


def kept_for_owner(address: str) -> QuerySet[AddressChange]:
    """Return the changes by which an address was given up so recently that its owner may still take it back."""
    return _kept().filter(old__iexact=address)


def kept_among(addresses: Collection[str]) -> set[str]:
    """Return which of these addresses are kept like that, in small letters."""
    small = {address.lower() for address in addresses}
    found = _kept().annotate(small=Lower("old")).filter(small__in=small) if small else AddressChange.objects.none()
    return {change.old.lower() for change in found}


def _kept() -> QuerySet[AddressChange]:
    since = clock.real_now() - WORKS_FOR
    return AddressChange.objects.filter(void_at=None, made_at__gt=since)


def _tell_later(row: AddressChange) -> None:
    """Enqueue the e-mail. Its job gets a proof that the change was made here.

    Otherwise a job's row that an attacker has written would make us sign a link that gives any account to any address.
    """
    proof = signing.dumps(_about(row), salt=_SALT_OF_JOB)
    send_later(TASK, change=row.pk, proof=proof)


def _about(row: AddressChange) -> list[object]:
    """Return what is signed: the change, whose it is, and the address that it gives back."""
    return [row.pk, row.user_id, row.old]


def _is_ours(row: AddressChange, proof: str) -> bool:
    with suppress(signing.BadSignature, ValueError):
        return bool(signing.loads(proof, salt=_SALT_OF_JOB, max_age=WORKS_FOR) == _about(row))
    return False


def tell(change_id: int, proof: str) -> None:
    """Send it, in its reader's language; nothing if the change has been taken back meanwhile.

    The link is made here: the arguments of a job are stored.
    """
    row = AddressChange.objects.select_related("user").filter(pk=change_id, user__is_active=True).first()
    if row is None:  # also for a job of the previous version, which names no change
        log.warning("a change of address is not there, and no e-mail is sent", extra={"change": change_id})
        return
    if not _is_ours(row, proof):
        log.error("a job about an old address is none of ours, and no e-mail is sent", extra={"person": row.user_id})
        return
    change = _changed_by(row.user, row)
    if not change.new:
        return
    link = config().url + reverse("old_address", args=[signing.dumps(_about(row), salt=_SALT)])
    words = {"change": change, "link": "" if row.void_at else link, "days": WORKS_FOR.days}
    write(change.user, "old_address", words, to_address=row.old)


def read(token: str) -> Change:
    """Return what a link stands for. Raises AccountError if it is none of ours, too old, or has nothing to undo."""
    gone = AccountError(_("This link no longer works."), "no_such_link", 404)
    try:
        pk, *_rest = about = signing.loads(token, salt=_SALT, max_age=WORKS_FOR)
    except (signing.BadSignature, ValueError, TypeError):
        raise gone from None
    row = AddressChange.objects.select_related("user").filter(pk=pk, user__is_active=True).first()
    if row is None or about != _about(row):
        raise gone
    change = _changed_by(row.user, row)
    if row.void_at or not change.new:
        raise AccountError(_("There is nothing to undo: the address is unchanged."), "nothing_to_undo", 404)
    if row.user.approval not in {Approval.PENDING, Approval.APPROVED}:
        raise AccountError(ask(_("This account is suspended. Talk to an administrator.")), "not_approved", 403)
    return change


def take_back(token: str) -> Change:
    """Give somebody their old address again, and shut out whoever changed it. Raises AccountError.

    The password and all sessions and tokens end, and ways in that may be the thief's are removed. The owner signs in by
    an e-mail to the old address.
    """
    with transaction.atomic():
        user = User.objects.select_for_update().get(pk=read(token).user.pk)
        change = read(token)  # once more: another click may have been faster
        if User.objects.filter(email__iexact=change.old).exclude(pk=user.pk).exists():
            text = ask(_("Meanwhile, somebody else has signed up with this address. Talk to an administrator."))
            raise AccountError(text, "address_taken")
        AddressChange.objects.filter(user=user, void_at=None, pk__gte=change.row.pk).update(void_at=clock.real_now())
        EmailAddress.objects.filter(user=user).delete()
        EmailAddress.objects.create(user=user, email=change.old, verified=True, primary=True)
        new, user.email = change.new, change.old
        user.set_unusable_password()
        user.save()
        access.end(user)
        since = _suspect_since(change.row)
        SocialAccount.objects.filter(user=user, date_joined__gte=since).delete()
        Authenticator.objects.filter(user=user, created_at__gte=since).delete()
        if not Authenticator.objects.filter(~Q(type=Authenticator.Type.RECOVERY_CODES), user=user).exists():
            Authenticator.objects.filter(user=user).delete()  # codes alone are no second factor
        record.write(Action.EMAIL_BACK, on=user, new=new)
        if config().password_sign_in:
            letters.write_later(letters.RESET, user.email, user.pk)
    return Change(user, change.row, change.removed, change.kept)


def _suspect_since(row: AddressChange) -> datetime:
    """Return since when a new way in is suspect: a thief may have added one before changing the address."""
    return row.asked_at - WORKS_FOR


def _changed_by(user: User, row: AddressChange) -> Change:
    ways, since = ways_in.of(user), _suspect_since(row)
    return Change(user, row, [w for w in ways if w.added_at >= since], [w for w in ways if w.added_at < since])
