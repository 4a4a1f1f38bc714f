"""Seals and opens private keys: AES-256-GCM, several keys, bound to the row they belong to.

A sealed key is `version (1 byte) | key id (4) | nonce (12) | ciphertext and tag`. The row's id is authenticated with
it, so a sealed key copied to another person's row does not open. The first key of `ONDOL_VAULT_KEYS` seals, all open.
"""

import base64
import hashlib
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ondol.config import config

_VERSION = b"\x01"
KEY_ID = slice(1, 5)
"""Where the id of the key is in what it has sealed."""


class VaultError(Exception):
    """A sealed key that the present keys do not open. Nothing was changed."""


def seal(row: str, private_key: str) -> bytes:
    """Seal `private_key` for the row of that id, with the first key."""
    key_id, key = _keys()[0]
    nonce = os.urandom(12)
    return _VERSION + key_id + nonce + AESGCM(key).encrypt(nonce, private_key.encode(), row.encode())


def open_sealed(row: str, sealed: bytes) -> str:
    """Return the private key sealed for that row. Raises VaultError."""
    version, key_id, nonce, body = sealed[:1], sealed[KEY_ID], sealed[5:17], sealed[17:]
    if version != _VERSION:
        raise VaultError("the sealed key has an unknown form")
    for known_id, key in _keys():
        if known_id == key_id:
            try:
                return AESGCM(key).decrypt(nonce, body, row.encode()).decode()
            except (InvalidTag, ValueError):  # ValueError: it was cut off
                raise VaultError("the sealed key was changed, or belongs to another machine") from None
    raise VaultError("the key it was sealed with is not in ONDOL_VAULT_KEYS")


def needs_resealing(sealed: bytes) -> bool:
    """Return whether it was sealed with another key than the first: rotation is not done."""
    return sealed[KEY_ID] != _keys()[0][0]


def key_ids() -> list[str]:
    """Return the ids of the present keys in hexadecimal, as they stand in what they seal; the first one seals."""
    return [key_id.hex() for key_id, _key in _keys()]


def _keys() -> list[tuple[bytes, bytes]]:
    raw = [base64.urlsafe_b64decode(text) for text in config().vault_keys]
    return [(hashlib.sha256(key).digest()[:4], key) for key in raw]
