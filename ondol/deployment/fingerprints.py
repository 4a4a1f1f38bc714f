"""The fingerprints of the keys that belong to this database: a part with other keys would do harm.

With another signing key it signs people out and refuses their links; with other vault keys it opens no private key, or
seals one that no other part opens. A fingerprint tells whether two keys are equal, and nothing else about them.
"""

import hashlib
import hmac
from dataclasses import dataclass

from django.db import transaction

from ondol.config import config
from ondol.deployment.models import Deployment
from ondol.keys import vault


@dataclass(frozen=True, slots=True)
class Fingerprints:
    """The fingerprint of the signing key, and the ids of the vault keys; the first vault key of a process seals."""

    signing: str
    vault: tuple[str, ...]


class OtherKeys(Exception):
    """The keys of this process are not those of the deployment; the text says which, and what to do."""


def ours() -> Fingerprints:
    """Return the fingerprints of the keys in the settings of this process."""
    signing = hmac.new(config().secret_key.encode(), b"ondol signing key", hashlib.sha256).hexdigest()[:16]
    return Fingerprints(signing, tuple(vault.key_ids()))


def known() -> Fingerprints:
    """Return the fingerprints that the database keeps; empty before any part has started."""
    signing, ids = Deployment.current().values_list("signing_key", "vault_keys").get()
    return Fingerprints(signing, tuple(ids))


def compare(mine: Fingerprints, deployments: Fingerprints) -> None:
    """Raise OtherKeys, with a sentence for each difference, if these keys do not belong to the deployment."""
    mistakes = []
    if deployments.signing and mine.signing != deployments.signing:
        mistakes.append(
            f"ONDOL_SECRET_KEY is another key (fingerprint {mine.signing}) than this deployment's"
            f" ({deployments.signing}): people would be signed out, and links in e-mails refused. Set the same key on"
            " each host. To change it on purpose: `ondol keys accept`, or `ondol up --accept-keys`."
        )
    if missing := [key for key in deployments.vault if key not in mine.vault]:
        mistakes.append(
            f"ONDOL_VAULT_KEYS (here: {', '.join(mine.vault)}) lacks {', '.join(missing)}, which belongs to this"
            " deployment: private keys sealed with it would not open. Put it back, behind the key that is to seal. To"
            " go on without it: `ondol keys accept --lost`, or `ondol up --accept-keys`."
        )
    if mistakes:
        raise OtherKeys("\n".join(mistakes))


def check() -> None:
    """Compare our keys with the deployment's, and save what is new: the first keys, and a new key that seals.

    Raises OtherKeys.
    """
    mine = ours()
    with transaction.atomic():
        row = Deployment.current().select_for_update().get()
        compare(mine, Fingerprints(row.signing_key, tuple(row.vault_keys)))
        sealing = mine.vault[:1] if row.vault_keys else mine.vault  # before any was saved, each key may have sealed
        new = [*row.vault_keys, *(key for key in sealing if key not in row.vault_keys)]
        if (row.signing_key, row.vault_keys) != (mine.signing, new):
            Deployment.current().update(signing_key=mine.signing, vault_keys=new)


def accept() -> None:
    """Make our keys the deployment's from now on; vault keys that we lack are forgotten."""
    mine, before = ours(), known()
    kept = [key for key in mine.vault if key in before.vault or key == mine.vault[0]]
    Deployment.current().update(signing_key=mine.signing, vault_keys=kept)


def hold_sealing_key() -> None:
    """Raise OtherKeys if our first vault key may not seal any more; that does not change until the transaction ends.

    Other writes of the row go on meanwhile: only `forget_vault_key` waits.
    """
    first = vault.key_ids()[0]
    for row in Deployment.objects.raw("SELECT id, vault_keys FROM instances_deployment FOR KEY SHARE"):
        if row.vault_keys and first not in row.vault_keys:
            raise OtherKeys(
                f"ONDOL_VAULT_KEYS begins with {first}, which was given up for {', '.join(row.vault_keys)}: what it"
                " seals would be lost. Take the settings of the other hosts, and start again."
            )


def forget_vault_key(key_id: str) -> None:
    """Forget a vault key with which nothing is sealed any more: from now on it may be missing."""
    with transaction.atomic():
        row = Deployment.current().select_for_update().get()
        Deployment.current().update(vault_keys=[key for key in row.vault_keys if key != key_id])
