"""The fingerprint by which AWS knows a key pair."""

import hashlib

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)


def of_made_by_aws(pem: str) -> str:
    """Return the fingerprint of an RSA key that CreateKeyPair has made: SHA-1 over the private key in DER (PKCS #8).

    Raises ValueError for what is no private key. See "Verify the fingerprints of your public keys", EC2 User Guide.
    """
    try:
        key = load_pem_private_key(pem.encode(), None)
    except (TypeError, UnsupportedAlgorithm) as error:  # it has a passphrase, or is of another kind
        raise ValueError("no private key as AWS makes them") from error
    der = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    return hashlib.sha1(der, usedforsecurity=False).digest().hex(":")
