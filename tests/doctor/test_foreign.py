"""Under the policy nothing foreign can be touched, and nothing be made but what Ondol makes."""

import json
from functools import partial

import pytest
from botocore.exceptions import ClientError

from localcloud.iam.policy import Permission, read
from ondol.cloud import aws_shapes
from ondol.cloud.aws import AwsCloud
from ondol.cloud.errors import Refused
from ondol.cloud.port import IdleRule
from tests.cloud.grounds import token

pytestmark = pytest.mark.slow


# --- what is not ours ------------------------------------------------------------------------------------------------
FOREIGN = ["of somebody else", "of another Ondol", "with our id alone"]


@pytest.fixture(params=FOREIGN)
def foreign(request, ground, bob):
    """Make a machine in the same account, with its group, key, disk and alarm; only its owner starts and stops it."""
    with ground.nobody_looking():
        order = ground.order(bob, ground.neighbour)
        instance_id = ground.neighbour.launch(order, token(bob)).instance_id
        of_it = [{"Name": "attachment.instance-id", "Values": [instance_id]}]
        volume_id = ground.ec2.describe_volumes(Filters=of_it)["Volumes"][0]["VolumeId"]
        key_id = ground.ec2.describe_key_pairs(KeyNames=[order.key_name])["KeyPairs"][0]["KeyPairId"]
        all_of_it = [instance_id, order.group_id, volume_id, key_id]
        if request.param != "of another Ondol":
            ground.ec2.delete_tags(Resources=all_of_it, Tags=[{"Key": "ManagedBy"}, {"Key": "OndolDeployment"}])
        if request.param == "with our id alone":
            id_alone = [{"Key": "OndolDeployment", "Value": ground.deployment}]
            ground.ec2.create_tags(Resources=all_of_it, Tags=id_alone)
        ground.cloudwatch.put_metric_alarm(**alarm("of-somebody-else", instance_id))
    return {
        "instance": instance_id, "group": order.group_id, "key": order.key_name, "key_id": key_id, "volume": volume_id
    }  # fmt: skip


def alarm(name, instance_id, action="stop"):
    return {
        "AlarmName": name, "Namespace": "AWS/EC2", "MetricName": "CPUUtilization", "Statistic": "Average",
        "Dimensions": [{"Name": "InstanceId", "Value": instance_id}], "Period": 300, "EvaluationPeriods": 6,
        "Threshold": 5.0, "ComparisonOperator": "LessThanThreshold",
        "AlarmActions": [f"arn:aws:automate:ap-northeast-2:ec2:{action}"],
    }  # fmt: skip


def refused(call, **request):
    with pytest.raises(ClientError) as caught:
        call(**request)
    return caught.value.response["Error"]["Code"] in {"UnauthorizedOperation", "AccessDenied"}


def test_nothing_foreign_is_started_stopped_or_ended(ground, foreign):
    ids = {"InstanceIds": [foreign["instance"]]}
    assert refused(ground.ec2.start_instances, **ids)
    assert refused(ground.ec2.stop_instances, **ids)
    assert refused(ground.ec2.reboot_instances, **ids)
    assert refused(ground.ec2.terminate_instances, **ids)


def test_nothing_foreign_is_opened_deleted_or_used(ground, foreign, alice):
    ssh = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
    group = {"GroupId": foreign["group"]}
    assert refused(ground.ec2.authorize_security_group_ingress, **group, IpPermissions=[ssh])
    assert refused(ground.ec2.delete_security_group, **group)
    assert refused(ground.ec2.delete_key_pair, KeyName=foreign["key"])
    assert refused(ground.ec2.delete_key_pair, KeyPairId=foreign["key_id"])
    assert refused(ground.ec2.delete_volume, VolumeId=foreign["volume"])
    assert refused(ground.cloudwatch.delete_alarms, AlarmNames=["of-somebody-else"])
    order = ground.order(alice)
    for change in ({"KeyName": foreign["key"]}, {"Groups": [foreign["group"]]}):
        assert refused(ground.ec2.run_instances, **launch(ground, order, **change))


def test_nothing_is_taken_over_or_given_away_by_its_tags(ground, foreign, alice):
    ours = [{"Key": "ManagedBy", "Value": "ondol"}, {"Key": "OndolDeployment", "Value": ground.deployment}]
    for thing in (foreign["instance"], foreign["group"], foreign["key_id"], foreign["volume"]):
        assert refused(ground.ec2.create_tags, Resources=[thing], Tags=ours)
    mine = ground.cloud.create_group(alice.resource, alice.tags)
    assert refused(ground.ec2.create_tags, Resources=[mine], Tags=ours)
    assert refused(ground.ec2.delete_tags, Resources=[mine], Tags=ours)


# --- only what we make -----------------------------------------------------------------------------------------------
def launch(ground, order, **changes):
    """Launch as the adapter does, except for one thing."""
    request = aws_shapes.run_instances(order, ground.config.subnet_id, ground.cloud._tags(order.tags))
    interface, (mapping,) = request["NetworkInterfaces"][0], request["BlockDeviceMappings"]
    for name, value in changes.items():
        for part in (interface, mapping["Ebs"], request["MetadataOptions"]):
            if name in part:
                part[name] = value
                break
        else:
            request[name] = value
    return request


def other_subnet(ground):
    with ground.nobody_looking():
        cidr = f"10.20.{128 + len(ground.ec2.describe_subnets()['Subnets'])}.0/24"
        return ground.ec2.create_subnet(VpcId=ground.config.vpc_id, CidrBlock=cidr)["Subnet"]["SubnetId"]


def with_half(kind, half, ground):
    """Return all tags, one of which is different on one of the things that a launch makes."""
    ours = {"ManagedBy": "ondol", "OndolDeployment": ground.deployment}
    tagged = [*aws_shapes.tagged(ours | {half: "other"}, kind), *aws_shapes.tagged(ours, *(set(MADE) - {kind}))]
    return {"TagSpecifications": tagged}


MADE = ("instance", "volume", "network-interface")
CHANGES = {
    "another type": lambda ground: {"InstanceType": "t3.xlarge"},
    "another subnet": lambda ground: {"SubnetId": other_subnet(ground)},
    "a disk that is not encrypted": lambda ground: {"Encrypted": False},
    "a dear disk": lambda ground: {"VolumeType": "io2"},
    "metadata without a token": lambda ground: {"HttpTokens": "optional"},
    "no tags": lambda ground: {"TagSpecifications": []},
    "the VPC's own group": lambda ground: {"Groups": []},
    **{
        f"half of the tags on its {kind}: {name}": partial(with_half, kind, name)
        for kind in MADE
        for name in ("ManagedBy", "OndolDeployment")
    },
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_launch_is_refused_with(ground, alice, change):
    order = ground.order(alice)
    assert refused(ground.ec2.run_instances, **launch(ground, order, **CHANGES[change](ground)))
    assert ground.ec2.run_instances(**launch(ground, order))["Instances"]


def test_groups_and_keys_are_made_with_our_tags_and_in_our_vpc_only(ground, alice):
    with ground.nobody_looking():
        other = ground.ec2.create_vpc(CidrBlock="10.99.0.0/16")["Vpc"]["VpcId"]
    elsewhere = AwsCloud(ground.session, ground.config.model_copy(update={"vpc_id": other}), ground.deployment)
    with pytest.raises(Refused):
        elsewhere.create_group(alice.resource, alice.tags)
    ours = {"ManagedBy": "ondol", "OndolDeployment": ground.deployment}
    for tags in ({"Name": "x"}, ours | {"ManagedBy": "other"}, ours | {"OndolDeployment": "other"}):
        group = {"GroupName": "x", "Description": "x", "VpcId": ground.config.vpc_id}
        made = aws_shapes.tagged(tags, "security-group")
        assert refused(ground.ec2.create_security_group, **group, TagSpecifications=made)
        assert refused(ground.ec2.create_key_pair, KeyName="x", TagSpecifications=aws_shapes.tagged(tags, "key-pair"))


def test_an_alarm_has_our_name_and_stops_but_does_not_end_machines(ground, alice):
    ground.cloud.arm(alice.resource, "i-0123456789abcdef0", IdleRule(30, 5.0), 40, alice.tags)
    put = ground.cloudwatch.put_metric_alarm
    assert refused(put, **alarm("of-somebody-else", "i-0123456789abcdef0"))
    assert refused(put, **alarm(alice.resource, "i-0123456789abcdef0", "terminate"))
    ground.cloud.delete_alarm(alice.resource)


# --- what the trial has only one of: judged without it ---------------------------------------------------------------
def allows(ground, action, resource="*", **context):
    found = {key.replace("_", ":"): (value,) for key, value in context.items()}
    return read(json.dumps(ground.document())).allows(Permission(action, resource, found))


def test_nothing_is_seen_in_another_region(ground):
    looks = [one["Action"] for one in ground.document()["Statement"] if one["Resource"] == "*"]
    public = "pricing:GetProducts"  # answered in three regions, the same in each
    for action in (action for actions in looks if actions != public for action in actions):
        assert allows(ground, action, aws_requestedregion="ap-northeast-2")
        assert not allows(ground, action, aws_requestedregion="eu-central-1")


def test_images_are_canonicals_amazons_or_our_own(ground):
    image = "arn:aws:ec2:ap-northeast-2::image/ami-1"
    for owner in ("099720109477", "amazon", ground.account_id):
        assert allows(ground, "ec2:RunInstances", image, ec2_owner=owner)
    assert not allows(ground, "ec2:RunInstances", image, ec2_owner="111122223333")


def test_no_role_is_made_for_another_service(ground):
    role = (
        f"arn:aws:iam::{ground.account_id}:role/aws-service-role/events.amazonaws.com/AWSServiceRoleForCloudWatchEvents"
    )
    assert allows(ground, "iam:CreateServiceLinkedRole", role, iam_awsservicename="events.amazonaws.com")
    assert not allows(
        ground, "iam:CreateServiceLinkedRole", role, iam_awsservicename="elasticloadbalancing.amazonaws.com"
    )
