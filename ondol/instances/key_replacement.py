"""The request to replace the key of one's machine. Nothing here reaches a machine: the worker replaces the key."""

from django.utils.translation import gettext as _

from ondol import clock
from ondol.accounts.models import User
from ondol.audit.record import Action, asker, refusals_of, write
from ondol.config import config
from ondol.instances import own_keys
from ondol.instances.actions import wish_of
from ondol.instances.errors import ActionError
from ondol.instances.models import Instance, KeyOrigin, KeyReplacement, SshKey
from ondol.instances.replacements import ReplacementState
from ondol.instances.states import PRESENT, Status
from ondol.whom_to_ask import ask

_GIVEN_UP = {ReplacementState.ASKED, ReplacementState.FAILED}
"""States in which the new key may be on the machine, but the old one is in force."""


def is_offered() -> bool:
    """Return whether workers can reach machines, so that keys are replaced."""
    return bool(config().worker_ssh_cidr)


@refusals_of(Action.KEY_REPLACE)
def replace_key(user: User, public_key: str = "", origin: KeyOrigin = KeyOrigin.OWN) -> Instance:
    """Ask for another key: this public one, or one that AWS makes if it is empty. The present key is accepted, too.

    An earlier request that is not carried out yet is replaced. Raises ActionError.
    """
    if not is_offered():
        raise ActionError(
            "not_offered",
            _("Keys of machines cannot be replaced here."),
            ask(_("Ask an administrator: ONDOL_WORKER_SSH_CIDR names no range.")),
        )
    wish = _wish(public_key, origin)
    with wish_of(user) as instance:
        _require_possible(instance)
        current = SshKey.objects.filter(instance=instance).first()
        before = KeyReplacement.objects.filter(instance=instance).first()
        is_current = bool(wish.public_key and current and current.public_key == wish.public_key)
        if _is_asked(before, wish) if instance.is_key_due else is_current:
            return instance
        if before:
            given_up = [before.public_key] if before.public_key and before.state in _GIVEN_UP else []
            wish.unwanted = [*before.unwanted, *given_up]
            wish.pk, wish.old_key_pair_name = before.pk, before.old_key_pair_name
            wish.last_change = before.last_change
        wish.instance = instance
        wish.save()
        Instance.objects.filter(pk=instance.pk).update(is_key_due=True, ssh_ranges_at=None)
        write(Action.KEY_REPLACE, by=asker(), on=instance.owner, machine=str(instance.pk), origin=wish.origin)
    return instance


def _wish(text: str, origin: KeyOrigin) -> KeyReplacement:
    if not text.strip():
        return KeyReplacement(origin=KeyOrigin.AWS, asked_at=clock.now())
    key = own_keys.read(text)
    return KeyReplacement(origin=origin, public_key=key.openssh, comment=key.comment, asked_at=clock.now())


def _is_asked(before: KeyReplacement | None, wish: KeyReplacement) -> bool:
    """Return whether the same was asked for already, and is not carried out yet."""
    if before is None or before.state != ReplacementState.ASKED or before.origin != wish.origin:
        return False
    return wish.origin == KeyOrigin.AWS or before.public_key == wish.public_key


def _require_possible(instance: Instance) -> None:
    if Status(instance.status) in PRESENT:  # while it rests, the request waits for its next start
        return
    if instance.status == Status.PENDING:
        raise ActionError("starting", _("Your machine and its key are being created."), _("Try again once it runs."))
    raise ActionError("no_key", _("There is no key to replace."), "", 409)
