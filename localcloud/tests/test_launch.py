"""RunInstances: what it accepts, what it refuses, what it makes. Nothing here waits for a machine to run."""

import copy
from collections.abc import Iterator
from ipaddress import ip_address, ip_network
from typing import Any

import pytest

from trial import UBUNTU, Trial, refused

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def order(cloud: Trial) -> Iterator[dict[str, Any]]:
    cloud.ec2.create_key_pair(KeyName="boram")
    group_id = cloud.group("group-of-boram")
    yield cloud.order("boram", group_id)
    mine = [
        {"Name": "tag:Owner", "Values": ["boram"]},
        {"Name": "instance-state-name", "Values": ["pending", "running"]},
    ]
    found = cloud.ec2.describe_instances(Filters=mine)["Reservations"]
    ids = [instance["InstanceId"] for reservation in found for instance in reservation["Instances"]]
    cloud.ec2.terminate_instances(InstanceIds=ids)


def changed(order: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {**copy.deepcopy(order), **changes}


def in_interface(order: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return changed(order, NetworkInterfaces=[{**order["NetworkInterfaces"][0], **changes}])


def test_a_launch_is_pending_and_has_no_public_address_yet(cloud: Trial, order: dict) -> None:
    made = cloud.ec2.run_instances(**order)["Instances"][0]
    assert made["State"] == {"Code": 0, "Name": "pending"}
    assert made["StateReason"]["Code"] == "pending"
    assert "PublicIpAddress" not in made
    assert made["PrivateIpAddress"].startswith("10.20.")
    assert [group["GroupName"] for group in made["SecurityGroups"]] == ["group-of-boram"]
    assert (made["PlatformDetails"], made["CpuOptions"]["CoreCount"]) == ("Linux/UNIX", 1)


def test_the_same_token_is_the_same_machine(cloud: Trial, order: dict) -> None:
    first, second = (cloud.ec2.run_instances(**order, ClientToken="again") for _ in range(2))
    assert first["ReservationId"] == second["ReservationId"]
    assert first["Instances"][0]["InstanceId"] == second["Instances"][0]["InstanceId"]


def test_the_same_token_for_something_else_is_refused(cloud: Trial, order: dict) -> None:
    cloud.ec2.run_instances(**order, ClientToken="mismatch")
    other = changed(order, InstanceType="t3.medium", ClientToken="mismatch")
    assert refused(cloud.ec2.run_instances, **other) == "IdempotentParameterMismatch"


def test_max_count_three_makes_three(cloud: Trial, order: dict) -> None:
    made = cloud.ec2.run_instances(**changed(order, MaxCount=3))["Instances"]
    assert [instance["AmiLaunchIndex"] for instance in made] == [0, 1, 2]
    assert len({instance["PrivateIpAddress"] for instance in made}) == 3


@pytest.mark.parametrize(
    ("code", "changes"),
    [
        ("InvalidAMIID.NotFound", {"ImageId": "ami-00000000000000000"}),
        ("InvalidAMIID.Malformed", {"ImageId": "ubuntu"}),
        ("InvalidKeyPair.NotFound", {"KeyName": "nobodys"}),
        ("InvalidParameterValue", {"InstanceType": "t3.enormous"}),
        ("InvalidParameterValue", {"InstanceType": "t4g.small"}),  # arm64, and the image is not
        (
            "InstanceCreditSpecification.NotSupported",
            {"InstanceType": "m5.large", "CreditSpecification": {"CpuCredits": "standard"}},
        ),
        (
            "InvalidParameterValue",
            {"TagSpecifications": [{"ResourceType": "instance", "Tags": [{"Key": "aws:x", "Value": "b"}]}]},
        ),
        ("InvalidParameterValue", {"MinCount": 2, "MaxCount": 1}),
        ("InvalidParameterCombination", {"SecurityGroupIds": ["sg-00000000000000000"]}),
        (
            "InvalidParameterValue",
            {"TagSpecifications": [{"ResourceType": "vpc", "Tags": [{"Key": "a", "Value": "b"}]}]},
        ),
    ],
)
def test_refused_launches(cloud: Trial, order: dict, code: str, changes: dict) -> None:
    assert refused(cloud.ec2.run_instances, **changed(order, **changes)) == code


@pytest.mark.parametrize(
    ("code", "changes"),
    [
        ("InvalidGroup.NotFound", {"Groups": ["sg-00000000000000000"]}),
        ("InvalidSubnetID.NotFound", {"SubnetId": "subnet-00000000000000000"}),
    ],
)
def test_refused_interfaces(cloud: Trial, order: dict, code: str, changes: dict) -> None:
    assert refused(cloud.ec2.run_instances, **in_interface(order, **changes)) == code


def test_a_dry_run_makes_nothing(cloud: Trial, order: dict) -> None:
    before = len(cloud.ec2.describe_instances()["Reservations"])
    assert refused(cloud.ec2.run_instances, **order, DryRun=True) == "DryRunOperation"
    assert len(cloud.ec2.describe_instances()["Reservations"]) == before


def test_disk_and_interface_keep_their_tags_and_their_settings(cloud: Trial, order: dict) -> None:
    made = cloud.ec2.run_instances(**order)["Instances"][0]
    mine = [{"Name": "attachment.instance-id", "Values": [made["InstanceId"]]}]
    (volume,) = cloud.ec2.describe_volumes(Filters=mine)["Volumes"]
    assert (volume["Size"], volume["VolumeType"], volume["Encrypted"]) == (30, "gp3", True)
    (interface,) = cloud.ec2.describe_network_interfaces(Filters=mine)["NetworkInterfaces"]
    for tags in (volume["Tags"], interface["TagSet"], made["Tags"]):
        assert {"Key": "Owner", "Value": "boram"} in tags
    (mapping,) = made["BlockDeviceMappings"]
    assert mapping["Ebs"]["DeleteOnTermination"] is True


def test_a_root_disk_under_another_name_is_a_second_disk(cloud: Trial, order: dict) -> None:
    disks = [{"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 20}}]
    made = cloud.ec2.run_instances(**changed(order, BlockDeviceMappings=disks))["Instances"][0]
    assert {mapping["DeviceName"] for mapping in made["BlockDeviceMappings"]} == {"/dev/sda1", "/dev/xvda"}


def test_credits_are_as_the_launch_asked_and_unlimited_otherwise(cloud: Trial, order: dict) -> None:
    plain = cloud.ec2.run_instances(**order)["Instances"][0]["InstanceId"]
    frugal = changed(order, CreditSpecification={"CpuCredits": "standard"})
    frugal_id = cloud.ec2.run_instances(**frugal)["Instances"][0]["InstanceId"]
    shown = cloud.ec2.describe_instance_credit_specifications(InstanceIds=[plain, frugal_id])
    assert [one["CpuCredits"] for one in shown["InstanceCreditSpecifications"]] == ["unlimited", "standard"]


def test_an_arm64_machine_starts_from_the_arm64_image_and_stays_one(cloud: Trial, order: dict) -> None:
    parameter = UBUNTU.replace("amd64", "arm64")
    image = cloud.client("ssm").get_parameter(Name=parameter)["Parameter"]["Value"]
    arm = changed(order, ImageId=image, InstanceType="t4g.small")
    machine = cloud.ec2.run_instances(**arm)["Instances"][0]
    assert (machine["Architecture"], machine["ImageId"]) == ("arm64", image)
    cloud.ec2.get_waiter("instance_running").wait(InstanceIds=[machine["InstanceId"]], WaiterConfig={"Delay": 1})
    cloud.ec2.stop_instances(InstanceIds=[machine["InstanceId"]])
    cloud.ec2.get_waiter("instance_stopped").wait(InstanceIds=[machine["InstanceId"]], WaiterConfig={"Delay": 1})
    change = {"InstanceId": machine["InstanceId"]}
    modify = cloud.ec2.modify_instance_attribute
    assert refused(modify, **change, InstanceType={"Value": "t3.small"}) == "InvalidParameterValue"
    modify(**change, InstanceType={"Value": "m7g.large"})
    cloud.ec2.terminate_instances(InstanceIds=[machine["InstanceId"]])


def test_nobody_writes_tags_of_aws(cloud: Trial, order: dict) -> None:
    tags = [{"Key": "AWS:owner", "Value": "boram"}]
    made = cloud.ec2.run_instances(**order)["Instances"][0]["InstanceId"]
    assert refused(cloud.ec2.create_tags, Resources=[made], Tags=tags) == "InvalidParameterValue"
    specified = [{"ResourceType": "key-pair", "Tags": tags}]
    words = {"KeyName": "reserved", "TagSpecifications": specified}
    assert refused(cloud.ec2.create_key_pair, **words) == "InvalidParameterValue"


def test_the_parameter_names_canonicals_newest_image(cloud: Trial) -> None:
    pattern = "ubuntu/images/hvm-ssd-gp3/ubuntu-noble-24.04-amd64-server-*"
    filters = [{"Name": "name", "Values": [pattern]}]
    images = cloud.ec2.describe_images(Owners=["099720109477"], Filters=filters)["Images"]
    newest = max(images, key=lambda image: image["CreationDate"])
    assert len(images) == 2
    assert newest["ImageId"] == cloud.image()
    assert newest["RootDeviceName"] == "/dev/sda1"
    assert newest["BlockDeviceMappings"][0]["Ebs"]["VolumeSize"] == 8


def test_wrong_credentials_are_refused(cloud: Trial) -> None:
    stranger = cloud.client("ec2", aws_secret_access_key="guessed")
    assert refused(stranger.describe_instances) == "AuthFailure"
    assert refused(cloud.client("ec2", aws_access_key_id="AKIAAAAAAAAAAAAAAAAA").describe_instances) == "AuthFailure"
    assert refused(cloud.client("sts", aws_secret_access_key="guessed").get_caller_identity) == "SignatureDoesNotMatch"
    assert refused(cloud.client("cloudwatch", region_name="us-east-1").describe_alarms) == "SignatureDoesNotMatch"


def test_a_subnet_that_assigns_ipv6_gives_an_address_that_stays(cloud: Trial, order: dict) -> None:
    interface = order["NetworkInterfaces"][0]
    here = cloud.ec2.describe_subnets(SubnetIds=[interface["SubnetId"]])["Subnets"][0]
    made = cloud.ec2.associate_vpc_cidr_block(VpcId=here["VpcId"], AmazonProvidedIpv6CidrBlock=True)
    block = made["Ipv6CidrBlockAssociation"]["Ipv6CidrBlock"].replace("/56", "/64")
    wanted = {"VpcId": here["VpcId"], "CidrBlock": "10.20.240.0/24", "AvailabilityZone": here["AvailabilityZone"]}
    subnet = cloud.ec2.create_subnet(**wanted, Ipv6CidrBlock=block)["Subnet"]["SubnetId"]
    addresses = []
    for assigns in (False, True):
        cloud.ec2.modify_subnet_attribute(SubnetId=subnet, AssignIpv6AddressOnCreation={"Value": assigns})
        asked = {**interface, "SubnetId": subnet}
        made = cloud.ec2.run_instances(**changed(order, NetworkInterfaces=[asked]))["Instances"][0]
        found = cloud.ec2.describe_instances(InstanceIds=[made["InstanceId"]])["Reservations"][0]["Instances"][0]
        addresses.append([one["Ipv6Address"] for one in found["NetworkInterfaces"][0]["Ipv6Addresses"]])
    assert addresses[0] == []
    assert len(addresses[1]) == 1
    assert ip_address(addresses[1][0]) in ip_network(block)
