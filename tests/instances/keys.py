"""A private key as EC2 makes them: RSA, PEM in PKCS#1. And rows that keep a key, sealed."""

import hashlib

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from ondol.instances import sealed
from ondol.instances.models import Instance, SshKey
from ondol.keys import fingerprint, vault

KEY = generate_private_key(65537, 2048)
PEM = KEY.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode()


def keep(row: Instance, pem: str = PEM) -> SshKey:
    """Keep a private key for a machine, as a worker does."""
    told = fingerprint.of_made_by_aws(pem)
    data = sealed.seal_key(row, pem, told)
    return SshKey.objects.create(instance=row, key_pair_name="k", sealed_private_key=data, fingerprint=told)


def quick_pem(row: Instance) -> str:
    """Return a key that is this row's alone, and takes no time to make."""
    key = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(str(row.pk).encode()).digest())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def sealed_by_an_earlier_version(row: str, secret: str) -> bytes:
    """Return what `vault.seal` of version 0.2.0 made: bound to the row alone."""
    key_id, key = vault._keys()[0]
    nonce = b"\x07" * 12
    return b"\x01" + key_id + nonce + AESGCM(key).encrypt(nonce, secret.encode(), row.encode())
