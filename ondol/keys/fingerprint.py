"""The fingerprint by which AWS knows a key pair."""

import base64
import hashlib

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_ssh_public_key,
)


def of_made_by_aws(pem: str) -> str:
    """Return the fingerprint of an RSA key that CreateKeyPair has made: SHA-1 over the private key in DER (PKCS #8).

    Raises ValueError for what is no private key. See "Verify the fingerprints of your public keys", EC2 User Guide.
    """
    try:
        # Without the check that its numbers are primes, which takes 30 ms: the fingerprint is compared anyway.
        key = load_pem_private_key(pem.encode(), None, unsafe_skip_rsa_key_validation=True)
    except (TypeError, UnsupportedAlgorithm) as error:  # it has a passphrase, or is of another kind
        raise ValueError("no private key as AWS makes them") from error
    der = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    return hashlib.sha1(der, usedforsecurity=False).digest().hex(":")


def of_imported(openssh: str) -> str:
    """Return the fingerprint of a public key that ImportKeyPair has taken, as EC2 shows it.

    Of RSA: MD5 over the public key in DER. Of ed25519: SHA-256 over the key in OpenSSH's form, in base64.
    """
    key = load_ssh_public_key(openssh.encode())
    if isinstance(key, RSAPublicKey):
        der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return hashlib.md5(der, usedforsecurity=False).digest().hex(":")
    return base64.b64encode(hashlib.sha256(base64.b64decode(openssh.split()[1])).digest()).decode()


def is_of_imported(openssh: str, shown: str) -> bool:
    """Return whether EC2 shows the fingerprint of this public key, with or without base64 padding."""
    return of_imported(openssh).rstrip("=") == shown.removeprefix("SHA256:").rstrip("=")
