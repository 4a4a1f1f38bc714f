"""An RSA private key in PuTTY's own format, version 2, not encrypted (its MAC then has an empty passphrase).

Format: PuTTY manual, appendix C "PPK file format".
"""

import base64
import hashlib
import hmac
import struct

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

_KIND, _CIPHER = b"ssh-rsa", b"none"


def from_pem(pem: str, comment: str) -> str:
    """Return the same key as a `.ppk` file. Raises ValueError for anything but an RSA key."""
    key = load_pem_private_key(pem.encode(), None)
    if not isinstance(key, RSAPrivateKey):
        raise ValueError("only RSA keys")
    numbers = key.private_numbers()
    public = _string(_KIND) + _mpint(numbers.public_numbers.e) + _mpint(numbers.public_numbers.n)
    private = _mpint(numbers.d) + _mpint(numbers.p) + _mpint(numbers.q) + _mpint(numbers.iqmp)
    signed = b"".join(_string(part) for part in (_KIND, _CIPHER, comment.encode(), public, private))
    mac = hmac.new(hashlib.sha1(b"putty-private-key-file-mac-key").digest(), signed, hashlib.sha1)  # noqa: S324  the format's
    lines = [
        "PuTTY-User-Key-File-2: ssh-rsa",
        "Encryption: none",
        f"Comment: {comment}",
        *_block("Public-Lines", public),
        *_block("Private-Lines", private),
        f"Private-MAC: {mac.hexdigest()}",
    ]
    return "\n".join(lines) + "\n"


def _string(data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + data


def _mpint(number: int) -> bytes:
    return _string(number.to_bytes(number.bit_length() // 8 + 1, "big"))


def _block(name: str, data: bytes) -> list[str]:
    text = base64.b64encode(data).decode()
    lines = [text[start : start + 64] for start in range(0, len(text), 64)]
    return [f"{name}: {len(lines)}", *lines]
