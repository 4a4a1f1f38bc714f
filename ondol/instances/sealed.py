"""All sealed private keys: with which keys of ONDOL_VAULT_KEYS, and how they change to the first one meanwhile."""

from dataclasses import dataclass

from django.db import transaction
from django.db.models import BinaryField
from django.db.models.functions import Substr

from ondol.deployment import fingerprints
from ondol.deployment.models import Deployment
from ondol.instances.models import SshKey
from ondol.keys import vault


@dataclass(frozen=True, slots=True)
class Resealed:
    """How many private keys were sealed with the first key now, and how many none of ours opens."""

    done: int
    shut: int


def ids_in_use() -> set[str]:
    """Return the ids of the vault keys with which private keys are sealed."""
    start, length = vault.KEY_ID.start + 1, vault.KEY_ID.stop - vault.KEY_ID.start
    key_id = Substr("sealed_private_key", start, length, output_field=BinaryField())
    return {bytes(found).hex() for found in SshKey.objects.values_list(key_id, flat=True).distinct()}


def reseal() -> Resealed:
    """Seal with the first key what another one has sealed. Each is a statement of its own, so a kill loses nothing.

    A key that was deleted meanwhile, or sealed by another process that does the same, is left as it is.
    """
    done, shut = 0, 0
    for pk, row, sealed in SshKey.objects.values_list("pk", "instance_id", "sealed_private_key").iterator(100):
        if not vault.needs_resealing(bytes(sealed)):
            continue
        try:
            private_key = vault.open_sealed(str(row), bytes(sealed))
        except vault.VaultError:
            shut += 1
            continue
        same = SshKey.objects.filter(pk=pk, sealed_private_key=sealed)
        done += same.update(sealed_private_key=vault.seal(str(row), private_key))
    return Resealed(done, shut)


@transaction.atomic
def forget_unused() -> list[str]:
    """Take the vault keys from the deployment that nothing is sealed with, but for our first. Return their ids.

    From now on no worker seals with them either: `fingerprints.hold_sealing_key` waits for this transaction.
    """
    Deployment.current().select_for_update().get()
    needed = {*ids_in_use(), vault.key_ids()[0]}
    unused = [key for key in fingerprints.known().vault if key not in needed]
    for key in unused:
        fingerprints.forget_vault_key(key)
    return unused
