"""Key pairs of EC2 whose private half is somebody else's."""

from typing import TYPE_CHECKING, Any

from ondol.cloud.aws_calls import ask, where
from ondol.cloud.errors import AlreadyThere
from ondol.cloud.port import KeyPair
from ondol.keys import fingerprint

if TYPE_CHECKING:
    from mypy_boto3_ec2 import EC2Client


def import_key(ec2: "EC2Client", name: str, openssh: str, tagged: Any) -> KeyPair:
    """Give EC2 a public key; it is there already if an earlier answer was lost."""
    try:
        made = ask(ec2.import_key_pair, KeyName=name, PublicKeyMaterial=openssh.encode(), TagSpecifications=tagged)
    except AlreadyThere:
        told = [key["KeyFingerprint"] for key in shown(ec2, name)]
        if not any(fingerprint.is_of_imported(openssh, each) for each in told):
            raise
        return KeyPair(name, told[0])
    return KeyPair(name, made["KeyFingerprint"])


def shown(ec2: "EC2Client", name: str) -> Any:
    """Return the key pairs of that name: one, or none."""
    return ask(ec2.describe_key_pairs, Filters=[where("key-name", name)])["KeyPairs"]
