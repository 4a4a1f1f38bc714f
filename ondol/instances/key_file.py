"""The private key of a machine, as the file that its owner gets."""

import logging
from dataclasses import dataclass

from django.db import transaction
from django.utils.translation import gettext as _

from ondol.accounts.models import User
from ondol.accounts.security_letters import record_and_tell
from ondol.audit.record import Action, refusals_of
from ondol.deployment import alerts
from ondol.instances import sealed
from ondol.instances.asker import require_approved
from ondol.instances.errors import ActionError
from ondol.instances.models import KeyOrigin, SshKey
from ondol.instances.ssh import key_stem
from ondol.instances.states import PRESENT, Status
from ondol.keys import ppk, vault
from ondol.whom_to_ask import ask

log = logging.getLogger(__name__)
WITHOUT_KEY = frozenset(Status) - PRESENT
"""Statuses without a key to hand out; while a machine is created, its key may still change."""


@dataclass(frozen=True, slots=True)
class KeyFile:
    """A private key as a file: an ASCII name, `\\n` line ends, a final newline, no byte-order mark."""

    name: str
    text: str


@refusals_of(Action.KEY_READ)
def take_key(user: User, form: str = "pem") -> KeyFile:
    """Return the private key of one's own machine, as `pem` (OpenSSH) or `ppk` (PuTTY)."""
    require_approved(user)
    key = (
        SshKey.objects.select_related("instance")
        .filter(instance__owner=user)
        .exclude(instance__status__in=WITHOUT_KEY)
        .first()
    )
    if key is None:
        raise ActionError("no_key", _("There is no key yet."), _("It is there as soon as the machine runs."), 404)
    if key.origin != KeyOrigin.AWS:
        raise ActionError(
            "key_not_kept",
            _("Your machine has a key of your own, and its private key was never here."),
            _("It is where you created or saved it."),
            404,
        )
    try:
        pem = sealed.open_key(key)
    except vault.Tampered as error:
        log.error("a private key is not handed out: %s", error, extra={"instance": str(key.instance_id)})
        alerts.notify_of_tampering(sealed.label_of(key.instance, key.fingerprint))
        raise ActionError(
            "key_changed",
            _("Your key was not handed out: the key or its owner was changed in the database."),
            _("Administrators have been notified. If you already have the file, it still works."),
        ) from None
    except vault.MissingKey:
        raise ActionError(
            "sealed",
            _("Your key is stored, but cannot be decrypted at the moment."),
            ask(_("Tell an administrator: a key in ONDOL_VAULT_KEYS is missing.")),
            503,
        ) from None
    with transaction.atomic():
        record_and_tell(Action.KEY_READ, user, machine=str(key.instance_id), form=form)
    name = key_stem(key.instance)
    if form == "ppk":
        return KeyFile(f"{name}.ppk", ppk.from_pem(pem, comment=name))
    return KeyFile(f"{name}.pem", pem.replace("\r\n", "\n").rstrip("\n") + "\n")
