"""Seals and opens secrets by AES-256-GCM, with several keys; each secret is bound to its owner and place.

A sealed secret is `version (1 byte) | key id (4) | nonce (12) | ciphertext and tag`. Its label is authenticated with
it, so a secret that was copied to another row, or whose row was given to another owner, does not open. The first key
of `ONDOL_VAULT_KEYS` seals, all open. Version 1 was bound to the row only: it is still opened, but not written any
more.
"""

import base64
import hashlib
import json
import os
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ondol.config import config

_OLD, _VERSION = b"\x01", b"\x02"
KEY_ID = slice(1, 5)
"""Where the id of the key is in a sealed secret."""
_NOTHING = b"-"
"""Stands for a damaged text: bytes that do not open."""
SEALED = "vault:"
"""What a sealed text begins with. `kept.COUNT_BY_KEY` reads it, too."""
_NONCE, _BODY = slice(5, 17), slice(17, None)
_SHORTEST = 17 + 16
"""The length of an empty secret that was sealed."""


class VaultError(Exception):
    """A sealed secret that does not open. Nothing was changed."""


class MissingKey(VaultError):
    """The key with that id, which has sealed it, is not in ONDOL_VAULT_KEYS."""


class Tampered(VaultError):
    """It does not open although its key is there: the secret, or what it belongs to, was changed."""


@dataclass(frozen=True, slots=True)
class Label:
    """What a secret belongs to. It opens only under the label under which it was sealed."""

    kind: str
    owner: str
    row: str = ""
    fingerprint: str = ""

    def _authenticated(self, version: bytes, key_id: bytes) -> bytes:
        if version == _OLD:
            return self.row.encode()
        head = (version + key_id).hex()
        return json.dumps([head, self.kind, self.owner, self.row, self.fingerprint]).encode()


def seal(label: Label, secret: str) -> bytes:
    """Seal `secret` for what the label names, with the first key."""
    key_id, key = _keys()[0]
    nonce = os.urandom(12)
    body = AESGCM(key).encrypt(nonce, secret.encode(), label._authenticated(_VERSION, key_id))
    return _VERSION + key_id + nonce + body


def open_sealed(label: Label, sealed: bytes) -> str:
    """Return the secret that was sealed under that label. Raises MissingKey or Tampered."""
    version, key_id = sealed[:1], sealed[KEY_ID]
    if version not in {_OLD, _VERSION} or len(sealed) < _SHORTEST:
        raise Tampered("the sealed secret has an unknown form")
    key = dict(_keys()).get(key_id)
    if key is None:
        raise MissingKey(f"{key_id.hex()}, with which it was sealed, is not in ONDOL_VAULT_KEYS")
    try:
        return AESGCM(key).decrypt(sealed[_NONCE], sealed[_BODY], label._authenticated(version, key_id)).decode()
    except (InvalidTag, UnicodeDecodeError):
        raise Tampered("the sealed secret was changed, or belongs to something else") from None


def seal_text(label: Label, secret: str) -> str:
    """Seal `secret` as a text, which begins with SEALED and the key's id: for columns with JSON."""
    sealed = seal(label, secret)
    return f"{SEALED}{sealed[KEY_ID].hex()}:{base64.b64encode(sealed).decode()}"


def from_text(text: str) -> bytes:
    """Return what was sealed as this text; empty if it is not sealed."""
    if not text.startswith(SEALED):
        return b""
    try:
        return base64.b64decode(text.rpartition(":")[2], validate=True) or _NOTHING
    except ValueError:
        return _NOTHING


def needs_resealing(sealed: bytes) -> bool:
    """Return whether it was sealed with another key than the first, or in an older form."""
    return sealed[: KEY_ID.stop] != _VERSION + _keys()[0][0]


def is_bound(sealed: bytes) -> bool:
    """Return whether it is bound to everything in its label: earlier versions left the owner out."""
    return sealed[:1] == _VERSION


def key_ids() -> list[str]:
    """Return the ids of the present keys in hexadecimal, as they stand in what they seal; the first one seals."""
    return [key_id.hex() for key_id, _key in _keys()]


def _keys() -> list[tuple[bytes, bytes]]:
    raw = [base64.urlsafe_b64decode(text) for text in config().vault_keys]
    return [(hashlib.sha256(key).digest()[:4], key) for key in raw]
