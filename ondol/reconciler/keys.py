"""The key pair of a machine, made by AWS or from its owner's own public key: how it is created and recorded."""

from ondol.cloud.errors import Refused
from ondol.cloud.port import Cloud, KeyPair
from ondol.deployment import fingerprints
from ondol.instances import own_keys, sealed
from ondol.instances.models import ChosenKey, Instance, KeyOrigin, SshKey
from ondol.instances.ssh import new_stem
from ondol.keys import fingerprint


def ask_for(instance: Instance, own: ChosenKey | None, cloud: Cloud, tags: dict[str, str]) -> KeyPair:
    """Return the key pair with which the machine is to be launched: a new one, or the one that its owner has brought.

    If an import's answer was lost, AWS answers the same again. A name that another key has is not used by the next try,
    as for keys that AWS makes.
    """
    if own is None:
        return cloud.create_key(instance.key_pair_name, tags)
    key = cloud.import_key(instance.key_pair_name, own.public_key, tags)
    if not fingerprint.is_of_imported(own.public_key, key.fingerprint):
        raise Refused("KeyFingerprint", f"EC2 shows {key.fingerprint} for {key.name}, which is another key")
    return key


def keep(instance: Instance, key: KeyPair, own: ChosenKey | None) -> None:
    """Record the key pair, in the caller's transaction."""
    row = SshKey(instance=instance, key_pair_name=key.name, fingerprint=key.fingerprint)
    if own is None:
        fingerprints.hold_sealing_key()
        row.sealed_private_key = sealed.seal_key(instance, key.private_key, key.fingerprint)
        row.file_stem = new_stem(instance)
    else:
        row.origin, row.public_key, row.comment = own.origin, own.public_key, own.comment
        is_born_here = own.origin == KeyOrigin.BROWSER
        row.file_stem = own_keys.stem_of(instance.owner, own.public_key) if is_born_here else ""
    row.save(force_insert=True)
