"""Alarm, comparison and policy name the partition of the region, whatever it is; unknown regions are refused."""

import json
from importlib.resources import files

import pytest

from ondol.cloud.aws_shapes import alarm, put_alarm, stop_action
from ondol.cloud.port import IdleRule
from ondol.config import Config, ConfigError, config
from ondol.doctor.policy import policy
from ondol.regions import _PARTITIONS, partition

REGIONS = {
    "ap-northeast-2": "aws", "ap-southeast-7": "aws", "mx-central-1": "aws", "us-gov-west-1": "aws-us-gov",
    "cn-north-1": "aws-cn", "cn-northwest-1": "aws-cn", "us-iso-east-1": "aws-iso", "us-isob-east-1": "aws-iso-b",
    "eu-isoe-west-1": "aws-iso-e", "us-isof-south-1": "aws-iso-f", "eusc-de-east-1": "aws-eusc",
}  # fmt: skip


def test_the_patterns_are_those_of_the_sdk():
    shipped = json.loads((files("botocore") / "data/partitions.json").read_text("utf-8"))["partitions"]
    assert {each["id"]: each["regionRegex"].replace(r"\-", "-") for each in shipped} == {
        name: f"^{pattern}$" for name, pattern in _PARTITIONS.items()
    }
    known = {region: each["id"] for each in shipped for region in each["regions"] if not region.endswith("-global")}
    assert {region: partition(region) for region in known} == known


@pytest.mark.parametrize(("region", "name"), REGIONS.items())
def test_an_alarm_stops_machines_by_the_action_of_its_partition_and_is_sound_by_it_alone(region, name):
    action = stop_action(region)
    assert action == f"arn:{name}:automate:{region}:ec2:stop"
    shown = put_alarm("ondol-row-1", "i-1", IdleRule(30, 5.0), action, is_muted=False)
    assert alarm(shown, action).is_sound
    other = f"arn:{'aws' if name != 'aws' else 'aws-cn'}:automate:{region}:ec2:stop"
    assert not alarm(shown | {"AlarmActions": [other]}, action).is_sound


@pytest.mark.parametrize(("region", "name"), REGIONS.items())
def test_the_policy_names_that_partition_and_no_other(region, name):
    network = {"AWS_VPC_ID": "vpc-0123456789abcdef0", "AWS_SUBNET_ID": "subnet-0123456789abcdef0"}
    text = policy(Config(_env_file=None, AWS_REGION=region, **network), "123456789012")
    assert text.count("arn:") == text.count(f"arn:{name}:")
    assert f'"cloudwatch:AlarmActions": "{stop_action(region)}"' in text


@pytest.mark.parametrize(("region", "owner"), [("us-gov-west-1", "513442679011"), ("cn-north-1", "837727238323")])
def test_the_policy_lets_in_the_images_that_canonical_has_there(region, owner):
    network = {"AWS_VPC_ID": "vpc-0123456789abcdef0", "AWS_SUBNET_ID": "subnet-0123456789abcdef0"}
    assert f'["{owner}", "amazon"' in policy(Config(_env_file=None, AWS_REGION=region, **network), "123456789012")


@pytest.mark.parametrize(
    "region", ["mars", "xx-north-1", "ap-northeast", "us-gov", "AP-NORTHEAST-2", "ap-northeast-2a"]
)
def test_a_region_that_aws_does_not_have_ends_the_start(monkeypatch, region):
    monkeypatch.setenv("AWS_REGION", region)
    config.cache_clear()
    try:
        with pytest.raises(ConfigError, match=f"AWS_REGION={region}: no region of AWS has such a name"):
            config()
    finally:
        config.cache_clear()
