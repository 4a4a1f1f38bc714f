"""Security groups, key pairs and disks."""

import base64
import hashlib
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from localcloud.ec2.volumes import check_rate
from localcloud.errors import AwsError
from trial import Machine, Trial, refused

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("name", "description", "code"),
    [
        ("minho", "민호의 그룹", "InvalidParameterValue"),
        ("민호", "a group", "InvalidParameterValue"),
        ("sg-minho", "a group", "InvalidParameterValue"),
        ("Group-Of-Yuna", "differs in letter case only", "InvalidGroup.Duplicate"),
    ],
)
def test_names_and_descriptions_that_aws_refuses(
    cloud: Trial, yuna: Machine, name: str, description: str, code: str
) -> None:
    words = {"GroupName": name, "Description": description, "VpcId": cloud.environment["AWS_VPC_ID"]}
    assert refused(cloud.ec2.create_security_group, **words) == code


def test_a_group_in_an_unknown_vpc_is_refused(cloud: Trial) -> None:
    words = {"GroupName": "minho", "Description": "x", "VpcId": "vpc-00000000000000000"}
    assert refused(cloud.ec2.create_security_group, **words) == "InvalidVpcID.NotFound"


def test_the_same_rule_twice_is_a_duplicate(cloud: Trial, yuna: Machine) -> None:
    rule = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
    words = {"GroupId": yuna.group_id, "IpPermissions": [rule]}
    assert refused(cloud.ec2.authorize_security_group_ingress, **words) == "InvalidPermission.Duplicate"


def test_a_group_in_use_stays(cloud: Trial, yuna: Machine) -> None:
    assert refused(cloud.ec2.delete_security_group, GroupId=yuna.group_id) == "DependencyViolation"


def test_a_group_that_another_names_in_a_rule_stays(cloud: Trial) -> None:
    first, second = cloud.group("first", None), cloud.group("second", None)
    pair = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "UserIdGroupPairs": [{"GroupId": first}]}
    cloud.ec2.authorize_security_group_ingress(GroupId=second, IpPermissions=[pair])
    assert refused(cloud.ec2.delete_security_group, GroupId=first) == "DependencyViolation"
    cloud.ec2.delete_security_group(GroupId=second)
    cloud.ec2.delete_security_group(GroupId=first)
    assert refused(cloud.ec2.describe_security_groups, GroupIds=[first]) == "InvalidGroup.NotFound"


def test_a_groups_tags_are_found(cloud: Trial) -> None:
    tags = [{"ResourceType": "security-group", "Tags": [{"Key": "Owner", "Value": "jiho"}]}]
    vpc = cloud.environment["AWS_VPC_ID"]
    cloud.ec2.create_security_group(GroupName="jiho", Description="x", VpcId=vpc, TagSpecifications=tags)
    by_tag = [{"Name": "tag:Owner", "Values": ["jiho"]}]
    assert [g["GroupName"] for g in cloud.ec2.describe_security_groups(Filters=by_tag)["SecurityGroups"]] == ["jiho"]


def test_an_rsa_keys_fingerprint_is_the_sha1_of_its_private_der(cloud: Trial) -> None:
    made = cloud.ec2.create_key_pair(KeyName="haneul")
    key = serialization.load_pem_private_key(made["KeyMaterial"].encode(), None)
    der = key.private_bytes(serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    assert made["KeyFingerprint"].replace(":", "") == hashlib.sha1(der).hexdigest()
    assert "-----BEGIN RSA PRIVATE KEY-----" in made["KeyMaterial"]
    (shown,) = cloud.ec2.describe_key_pairs(KeyNames=["haneul"])["KeyPairs"]
    assert shown["KeyFingerprint"] == made["KeyFingerprint"]
    assert "PublicKey" not in shown


def test_a_key_name_is_taken_once_and_deleting_it_twice_succeeds(cloud: Trial) -> None:
    cloud.ec2.create_key_pair(KeyName="twice", KeyType="ed25519")
    assert refused(cloud.ec2.create_key_pair, KeyName="twice") == "InvalidKeyPair.Duplicate"
    for _ in range(2):
        cloud.ec2.delete_key_pair(KeyName="twice")
    assert refused(cloud.ec2.describe_key_pairs, KeyNames=["twice"]) == "InvalidKeyPair.NotFound"


def test_an_imported_key_has_the_fingerprint_that_openssh_shows(cloud: Trial) -> None:
    key = Ed25519PrivateKey.generate().public_key()
    line = key.public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    made = cloud.ec2.import_key_pair(KeyName="areum-own", PublicKeyMaterial=line)
    digest = hashlib.sha256(base64.b64decode(line.split()[1])).digest()
    assert made["KeyFingerprint"] == base64.b64encode(digest).decode()
    assert refused(cloud.ec2.import_key_pair, KeyName="areum-own", PublicKeyMaterial=line) == "InvalidKeyPair.Duplicate"


def test_a_disk_grows_one_change_after_the_other_and_never_shrinks(cloud: Trial, yuna: Machine) -> None:
    volume = yuna.describe()["BlockDeviceMappings"][0]["Ebs"]["VolumeId"]
    assert refused(cloud.ec2.modify_volume, VolumeId=volume, Size=10) == "InvalidParameterValue"
    assert cloud.ec2.modify_volume(VolumeId=volume, Size=50)["VolumeModification"]["ModificationState"] == "modifying"
    assert refused(cloud.ec2.modify_volume, VolumeId=volume, Size=60) == "IncorrectModificationState"
    (change,) = cloud.ec2.describe_volumes_modifications(VolumeIds=[volume])["VolumesModifications"]
    assert (change["OriginalSize"], change["TargetSize"]) == (30, 50)
    (shown,) = cloud.ec2.describe_volumes(VolumeIds=[volume])["Volumes"]
    assert shown["Attachments"][0]["DeleteOnTermination"] is True


def test_a_disk_is_changed_four_times_in_24_hours() -> None:
    def after(*hours_ago: float) -> None:
        now = datetime.now(UTC)
        changes = [SimpleNamespace(start_time=now - timedelta(hours=ago)) for ago in hours_ago]
        check_rate(SimpleNamespace(id="vol-1", modifications=changes), now.timestamp())

    after()
    after(25, 20, 10, 1)
    with pytest.raises(AwsError, match="4 modifications in 24 hours"):
        after(23, 20, 10, 1)
    with pytest.raises(AwsError, match="OPTIMIZING"):
        after(0.02)


def test_what_is_deleted_is_no_longer_there(cloud: Trial) -> None:
    assert refused(cloud.ec2.describe_volumes, VolumeIds=["vol-00000000000000000"]) == "InvalidVolume.NotFound"
