"""The keys that people bring for their machines: only the public half ever comes here."""

import hashlib
from dataclasses import dataclass

from django.db import transaction
from django.utils.translation import gettext as _

from ondol import clock
from ondol.accounts.models import User
from ondol.accounts.security_letters import record_and_tell
from ondol.audit.record import Action, refusals_of
from ondol.instances.errors import ActionError
from ondol.instances.models import ChosenKey, Instance, KeyOrigin, SshKey
from ondol.instances.names import ascii_name
from ondol.instances.states import Status
from ondol.keys import public_key
from ondol.keys.public_key import BadPublicKey


@dataclass(frozen=True, slots=True)
class KeyFacts:
    """What anybody may know of a key."""

    origin: KeyOrigin
    fingerprint: str
    """What `ssh-keygen -l` prints; of a key that AWS has made, what EC2 shows."""
    comment: str = ""


def chosen(user: User) -> ChosenKey | None:
    """Return the key for this person's next machine; None: AWS makes one."""
    return ChosenKey.objects.filter(owner=user).first()


@refusals_of(Action.KEY_CHOOSE)
@transaction.atomic
def choose(user: User, text: str, origin: KeyOrigin = KeyOrigin.OWN) -> None:
    """Set the public key of a person's next machine; an empty text: one that AWS makes.

    Raises ActionError for a text that is no such key, and while a machine is created: it may have a key already.
    """
    key = read(text) if text else None
    user = User.objects.select_for_update().get(pk=user.pk)
    if key and key.openssh == getattr(chosen(user), "public_key", ""):
        return
    if Instance.objects.filter(owner=user, status=Status.PENDING).exists():
        raise ActionError(
            "being_made",
            _("Your machine is being created with the key chosen before."),
            _("Once it runs, you can choose another one for the next machine."),
        )
    if key is None:
        if ChosenKey.objects.filter(owner=user).delete()[0]:
            record_and_tell(Action.KEY_CHOOSE, user, origin=KeyOrigin.AWS)
        return
    values = {"origin": origin, "public_key": key.openssh, "comment": key.comment, "chosen_at": clock.now()}
    ChosenKey.objects.update_or_create(owner=user, defaults=values)
    record_and_tell(Action.KEY_CHOOSE, user, origin=origin, fingerprint=key.fingerprint)


def read(text: str) -> public_key.PublicKey:
    """Return the public key in a text. Raises ActionError unless it is exactly one."""
    try:
        return public_key.parse(text)
    except BadPublicKey as error:
        raise ActionError(f"public_key_{error.code}", error.message, error.hint, 400) from None


def facts_of(key: SshKey | ChosenKey) -> KeyFacts:
    """Return what a page shows of a key."""
    if key.public_key:
        return KeyFacts(KeyOrigin(key.origin), public_key.parse(key.public_key).fingerprint, key.comment)
    return KeyFacts(KeyOrigin(key.origin), key.fingerprint if isinstance(key, SshKey) else "")


def stem_of(owner: User, openssh: str) -> str:
    """Return what the file of a key that was made in a browser is called; `born-key.js` calls it so, too."""
    return f"{stem_prefix(owner)}{hashlib.sha256(openssh.encode()).hexdigest()[:8]}"


def stem_prefix(owner: User) -> str:
    """Return the beginning of that name."""
    return f"ondol-{ascii_name(owner)}-"
