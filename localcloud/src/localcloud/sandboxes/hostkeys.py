"""Host keys. A machine has one from its launch on, so that known_hosts stays valid over stop and start."""

import base64
import hashlib

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


def new_host_key() -> str:
    """Return an Ed25519 private key in OpenSSH's format."""
    return (
        Ed25519PrivateKey.generate()
        .private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption())
        .decode()
    )


def public_line(host_key: str) -> str:
    """Return `ssh-ed25519 AAAA…`, as ssh-keyscan shows it."""
    private = serialization.load_ssh_private_key(host_key.encode(), password=None)
    public = private.public_key()
    return public.public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH).decode()


def fingerprint(host_key: str) -> str:
    """Return `SHA256:…`, as ssh shows it before the first connection."""
    body = base64.b64decode(public_line(host_key).split()[1])
    return "SHA256:" + base64.b64encode(hashlib.sha256(body).digest()).decode().rstrip("=")
