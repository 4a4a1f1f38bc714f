"""Everything sealed: private SSH keys, and what `second_factors` keeps; and its change to the first vault key."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from django.db import connection, transaction

from ondol.deployment import fingerprints, second_factors
from ondol.deployment.models import Deployment
from ondol.instances.models import Instance, KeyOrigin, SshKey
from ondol.keys import fingerprint, vault
from ondol.keys.kept import COUNT_BY_KEY, Kept


@dataclass(slots=True)
class Resealed:
    """How many secrets were now sealed with the first key, and the names of those that cannot be opened, by reason."""

    done: int = 0
    shut: list[str] = field(default_factory=list)
    tampered: list[str] = field(default_factory=list)
    changed: int = 0
    """How many rows another process has changed meanwhile; the next call checks them again."""


def label_of(instance: Instance, recorded_fingerprint: str) -> vault.Label:
    """Return the label that binds a sealed private key to its machine, owner and fingerprint."""
    return vault.Label("ssh_key", str(instance.owner_id), str(instance.pk), recorded_fingerprint)


@dataclass(slots=True)
class Examined:
    """How many secrets there are, how many need resealing, and the names of those that cannot be opened."""

    count: int = 0
    old: int = 0
    """Secrets that another key than the first has sealed."""
    unbound: int = 0
    """Secrets in clear, or sealed by an earlier version."""
    shut: list[str] = field(default_factory=list)
    tampered: list[str] = field(default_factory=list)


def seal_key(instance: Instance, private_key: str, recorded_fingerprint: str) -> bytes:
    """Seal the private key of a machine for its row, its owner, and the fingerprint that AWS has reported."""
    return vault.seal(label_of(instance, recorded_fingerprint), private_key)


def open_key(key: SshKey) -> str:
    """Return the private key of a machine. Raises VaultError; also for a key that is not the recorded one."""
    pem = vault.open_sealed(label_of(key.instance, key.fingerprint), bytes(key.sealed_private_key))
    try:
        found = fingerprint.of_made_by_aws(pem)
    except ValueError:
        found = ""
    if not found or found != key.fingerprint:
        raise vault.Tampered("the sealed secret is another key than the recorded one")
    return pem


def public_key_of(key: SshKey) -> str:
    """Return the public half of a machine's key, as OpenSSH writes it. Raises VaultError if AWS has made the key and it
    cannot be opened."""
    return public_half(open_key(key)) if key.origin == KeyOrigin.AWS else key.public_key


def public_half(pem: str) -> str:
    """Return the public half of a private key in PEM, type and base64."""
    public = load_pem_private_key(pem.encode("ascii"), None).public_key()
    return public.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode("ascii")


def everything() -> Iterator[Kept]:
    """Return all that is sealed, or should be."""
    for key in SshKey.objects.filter(origin=KeyOrigin.AWS).select_related("instance").iterator(100):
        yield Kept(
            f"SSH key of machine {key.instance_id}",
            bytes(key.sealed_private_key),
            partial(open_key, key),
            partial(_replace, key),
        )
    yield from second_factors.everything()


def examine() -> Examined:
    """Open everything, and count the results; nothing is changed."""
    found = Examined()
    for kept in everything():
        found.count += 1
        try:
            kept.open()
        except vault.MissingKey:
            found.shut.append(kept.name)
        except vault.Tampered:
            found.tampered.append(kept.name)
        else:
            found.unbound += not kept.is_bound
            found.old += kept.is_bound and kept.is_outdated
    return found


def ids_in_use() -> set[str]:
    """Return the ids of the vault keys with which something is sealed."""
    with connection.cursor() as cursor:
        cursor.execute(COUNT_BY_KEY)
        return {key_id for key_id, _count in cursor.fetchall()}


def reseal() -> Resealed:
    """Seal with the first key what lies in clear, or what another key or an earlier version has sealed.

    Each secret has a statement of its own, so a kill loses nothing. What was deleted or resealed by another process
    meanwhile is left as it is.
    """
    found = Resealed()
    for kept in everything():
        if not kept.is_outdated:
            continue
        try:
            secret = kept.open()
        except vault.MissingKey:
            found.shut.append(kept.name)
        except vault.Tampered:
            found.tampered.append(kept.name)
        else:
            was_same = kept.replace(secret)
            found.done += was_same
            found.changed += not was_same
    return found


def reseal_all() -> Resealed:
    """Reseal until nothing is left to do, including what other processes add meanwhile."""
    found = reseal()
    while (again := reseal()).done or again.changed:
        found.done += again.done
    return Resealed(found.done, again.shut, again.tampered)


@transaction.atomic
def forget_unused() -> list[str]:
    """Remove the vault keys with which nothing is sealed from the deployment, except our first. Return their ids.

    No process seals with them afterwards: `fingerprints.hold_sealing_key` waits for this transaction.
    """
    Deployment.current().select_for_update().get()
    needed = {*ids_in_use(), vault.key_ids()[0]}
    unused = [key for key in fingerprints.known().vault if key not in needed]
    for key in unused:
        fingerprints.forget_vault_key(key)
    return unused


def _replace(key: SshKey, private_key: str) -> int:
    same = SshKey.objects.filter(pk=key.pk, sealed_private_key=key.sealed_private_key)
    return same.update(sealed_private_key=seal_key(key.instance, private_key, key.fingerprint))
