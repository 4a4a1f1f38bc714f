"""The e-mail to the old address when somebody changes theirs, and the link in it that takes the change back."""

import logging
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

from allauth.account.models import EmailAddress
from django.core import signing
from django.db import transaction
from django.urls import reverse
from django.utils.translation import gettext as _
from procrastinate.contrib.django import app

from ondol.accounts import letters
from ondol.accounts.mail import write
from ondol.accounts.models import User
from ondol.accounts.people import AccountError
from ondol.audit import record
from ondol.audit.record import Action
from ondol.config import config
from ondol.request_id import for_job

log = logging.getLogger(__name__)

TASK = "ondol.accounts.old_address"
WORKS_FOR = timedelta(days=7)
_SALT = "ondol.old-address"
_SALT_OF_JOB = "ondol.old-address.job"
"""Another one: what a job has is in the database, and takes nothing back."""


@dataclass(frozen=True)
class Change:
    """What a link stands for: a person, and the address that they had."""

    user: User
    old: str

    @property
    def is_made(self) -> bool:
        """Return whether the new address holds already; before, it only waits to be confirmed."""
        return self.user.email.lower() != self.old.lower()

    @property
    def new(self) -> str:
        """Return the address that holds or waits; empty if there is none."""
        if self.is_made:
            return self.user.email
        waiting = EmailAddress.objects.filter(user=self.user, verified=False).exclude(email__iexact=self.old).first()
        return waiting.email if waiting else ""


def tell_later(user: User, old: str) -> None:
    """Enqueue the e-mail to the old address, in the caller's transaction.

    The job shows that a change was made here: otherwise a row that somebody else has written would let us sign a link
    that gives any account to any address.
    """
    proof = signing.dumps([user.pk, old], salt=_SALT_OF_JOB)
    app.configure_task(TASK, queue="mail").defer(user_id=user.pk, old=old, proof=proof, **for_job())


def tell(user_id: int, old: str, proof: str) -> None:
    """Send it, in its reader's language; nothing if the change has been taken back meanwhile.

    The link is made here: the arguments of a job are stored.
    """
    if not _is_ours(user_id, old, proof):
        log.error("a job about an old address is none of ours, and no e-mail is sent", extra={"person": user_id})
        return
    user = User.objects.filter(pk=user_id, is_active=True).first()
    change = Change(user, old) if user else None
    if change and change.new:
        token = signing.dumps([user_id, old], salt=_SALT)
        link = config().url + reverse("old_address", args=[token])
        write(change.user, "old_address", {"change": change, "link": link, "days": WORKS_FOR.days}, to_address=old)


def _is_ours(user_id: int, old: str, proof: str) -> bool:
    with suppress(signing.BadSignature, ValueError):
        return bool(signing.loads(proof, salt=_SALT_OF_JOB, max_age=WORKS_FOR) == [user_id, old])
    return False


def read(token: str) -> Change:
    """Return what a link stands for. Raises AccountError if it is none of ours, too old, or has nothing to undo."""
    try:
        user_id, old = signing.loads(token, salt=_SALT, max_age=WORKS_FOR)
    except (signing.BadSignature, ValueError):
        raise AccountError(_("This link does not work any more."), "no_such_link", 404) from None
    user = User.objects.filter(pk=user_id, is_active=True).first()
    if user is None or not Change(user, old).new:
        raise AccountError(_("There is nothing to take back: the address is as it was."), "nothing_to_undo", 404)
    return Change(user, old)


def take_back(token: str) -> Change:
    """Give somebody their old address again, and shut out whoever changed it. Raises AccountError.

    Sessions end with the password, tokens too, and the way in is an e-mail to the old address.
    """
    with transaction.atomic():
        change = read(token)
        user = User.objects.select_for_update().get(pk=change.user.pk)
        if User.objects.filter(email__iexact=change.old).exclude(pk=user.pk).exists():
            text = _("Somebody else has signed up with this address meanwhile. Talk to an administrator.")
            raise AccountError(text, "address_taken")
        EmailAddress.objects.filter(user=user).delete()
        EmailAddress.objects.create(user=user, email=change.old, verified=True, primary=True)
        user.email = change.old
        user.set_unusable_password()
        user.save()
        record.write(Action.EMAIL_BACK, on=user, new=change.new)
        if config().password_sign_in:
            letters.write_later(letters.RESET, user.email, user.pk)
    return Change(user, change.old)
