"""Key pairs. The private key is shown once, in the answer of CreateKeyPair, and is not stored here either."""

import base64
import hashlib
from typing import Any

from cryptography.hazmat.primitives import serialization
from moto.core.responses import ActionResult
from moto.ec2.responses import EC2Response

from localcloud.clock import moment
from localcloud.errors import AwsError, invalid_value, missing, not_found
from localcloud.service import Service


class Keys(Service, EC2Response):
    def create_key_pair(self) -> ActionResult:
        name = self._new_name()
        key_type = self._get_param("KeyType") or "rsa"
        if key_type not in ("rsa", "ed25519"):
            raise invalid_value(f"Value ({key_type}) for parameter keyType is invalid.")
        if (self._get_param("KeyFormat") or "pem") != "pem":
            raise AwsError("UnsupportedOperation", "this trial cloud makes keys in PEM format only")
        tags = self._parse_tag_specification("key-pair").get("key-pair", {})
        self.error_on_dryrun()
        key = self.cloud.region.create_key_pair(name, key_type, tags)
        key.create_time = moment(self.cloud.clock.now())
        if key_type == "rsa":
            key.key_fingerprint = fingerprint_of_private_key(key.material)
        answer = {**_info(key), "KeyMaterial": key.key_material}
        key.material = b""
        return ActionResult(answer)

    def import_key_pair(self) -> ActionResult:
        name = self._new_name()
        answer = super().import_key_pair()
        key = self.cloud.region.key_pairs[name]
        key.create_time = moment(self.cloud.clock.now())
        if key.key_type == "ed25519":
            key.key_fingerprint = fingerprint_of_ed25519(key.public_key)
        return answer

    def describe_key_pairs(self) -> ActionResult:
        self.error_on_dryrun()
        names, ids = self._get_param("KeyNames", []), self._get_param("KeyPairIds", [])
        keys = self.cloud.region.key_pairs
        unknown = set(names) - set(keys)
        if unknown:
            raise not_found("InvalidKeyPair", "key pair", unknown)
        unknown = set(ids) - {key.id for key in keys.values()}
        if unknown:
            raise not_found("InvalidKeyPair", "key pair ID", unknown)
        found = self.cloud.region.describe_key_pairs(names, self._filters_from_querystring())
        found = self.settled(key for key in found if not ids or key.id in ids)
        with_public_key = self._get_bool_param("IncludePublicKey", False)
        return ActionResult({"KeyPairs": [_info(key, bool(with_public_key)) for key in found]})

    def delete_key_pair(self) -> ActionResult:
        """Delete a key pair; an unknown name succeeds. Machines keep the public key: deleting locks nobody out."""
        name, key_id = self._get_param("KeyName"), self._get_param("KeyPairId")
        if not name and not key_id:
            raise missing("KeyName")
        self.error_on_dryrun()
        keys = self.cloud.region.key_pairs
        if not name:
            name = next((key.key_name for key in keys.values() if key.id == key_id), "")
        gone = keys.pop(name, None)
        if gone:
            self.cloud.region.tags.pop(gone.id, None)
        return ActionResult({"Return": True, "KeyPairId": gone.id if gone else None})

    def _new_name(self) -> str:
        name = self._get_param("KeyName")
        if not name:
            raise missing("KeyName")
        if len(name) > 255 or not name.isascii():
            raise invalid_value(f"Value ({name}) for parameter KeyName is invalid. Up to 255 ASCII characters.")
        if name in self.cloud.region.key_pairs:
            raise AwsError("InvalidKeyPair.Duplicate", f"The keypair already exists: {name}")
        return str(name)


def _info(key: Any, with_public_key: bool = False) -> dict[str, Any]:
    shown = {
        "KeyName": key.key_name,
        "KeyPairId": key.id,
        "KeyType": key.key_type,
        "KeyFingerprint": key.key_fingerprint,
        "CreateTime": key.create_time,
        "Tags": [{"Key": tag["key"], "Value": tag["value"]} for tag in key.get_tags()],
    }
    if with_public_key:
        shown["PublicKey"] = key.public_key
    return shown


def fingerprint_of_private_key(pem: bytes) -> str:
    """Return the fingerprint of a key that EC2 made: SHA-1 over the private key in DER.

    moto gives MD5 of the public key, as for imports.
    """
    key = serialization.load_pem_private_key(pem, password=None)
    der = key.private_bytes(serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    digest = hashlib.sha1(der, usedforsecurity=False).hexdigest()
    return ":".join(digest[i : i + 2] for i in range(0, 40, 2))


def fingerprint_of_ed25519(openssh: str) -> str:
    """Return the fingerprint of an imported ed25519 key: SHA-256 of the key as OpenSSH writes it, in base64.

    moto hashes its DER form.
    """
    return base64.b64encode(hashlib.sha256(base64.b64decode(openssh.split()[1])).digest()).decode()
