"""What exactly Amazon is asked for."""

from dataclasses import replace
from typing import Any

import pytest

from ondol.cloud.aws import AwsCloud
from ondol.cloud.errors import Gone, Invalid, NotYet, Quota, Refused, Unreachable
from ondol.cloud.port import IdleRule, Image, LaunchSpec, Tag
from ondol.config import ConfigError
from tests.cloud.script import DEPLOYMENT, Refusal, Script, settings

TAGS = {Tag.NAME: "ondol-alice", Tag.PROJECT: "warm-rooms", Tag.USER_ID: "7", Tag.ROW: "row-1"}
ALL_TAGS = [
    {"Key": "ManagedBy", "Value": "ondol"},
    {"Key": "Name", "Value": "ondol-alice"},
    {"Key": "OndolDeployment", "Value": DEPLOYMENT},
    {"Key": "OndolId", "Value": "row-1"},
    {"Key": "Project", "Value": "warm-rooms"},
    {"Key": "UserId", "Value": "7"},
]
SPEC = LaunchSpec(Image("ami-1", "/dev/xvda"), "t3.small", 30, "sg-1", "ondol-row-1", TAGS)
LAUNCHED = {"Instances": [{"InstanceId": "i-1", "State": {"Name": "pending"}}]}
OURS = [
    {"Name": "tag:OndolDeployment", "Values": [DEPLOYMENT]},
    {"Name": "tag:ManagedBy", "Values": ["ondol"]},
]


# --- RunInstances ----------------------------------------------------------------------------------------------------
def test_a_launch_is_asked_for_like_this_and_no_other_way(script):
    script.answers["RunInstances"] = [LAUNCHED]
    script.cloud.launch(SPEC, "token-1")
    assert script.parameters("RunInstances") == {
        "ClientToken": "token-1",
        "MinCount": 1,
        "MaxCount": 1,
        "ImageId": "ami-1",
        "InstanceType": "t3.small",
        "KeyName": "ondol-row-1",
        "NetworkInterfaces": [
            {
                "DeviceIndex": 0,
                "SubnetId": "subnet-0123456789abcdef0",
                "Groups": ["sg-1"],
                "AssociatePublicIpAddress": True,
                "DeleteOnTermination": True,
            }
        ],
        "BlockDeviceMappings": [
            {
                "DeviceName": "/dev/xvda",
                "Ebs": {"VolumeSize": 30, "VolumeType": "gp3", "Encrypted": True, "DeleteOnTermination": True},
            }
        ],
        "CreditSpecification": {"CpuCredits": "standard"},
        "MetadataOptions": {"HttpTokens": "required", "HttpEndpoint": "enabled", "HttpPutResponseHopLimit": 1},
        "InstanceInitiatedShutdownBehavior": "stop",
        "TagSpecifications": [
            {"ResourceType": kind, "Tags": ALL_TAGS} for kind in ("instance", "volume", "network-interface")
        ],
    }


@pytest.mark.parametrize(
    ("kind", "has_credits"),
    [("t3a.large", True), ("t4g.small", True), ("t8i.small", True), ("m99.large", False), ("m7i.large", False)],
)
def test_only_burstable_types_are_told_about_credits(script, kind, has_credits):
    script.answers["RunInstances"] = [LAUNCHED]
    script.cloud.launch(replace(SPEC, instance_type=kind), "token-1")
    assert ("CreditSpecification" in script.parameters("RunInstances")) is has_credits


def test_a_machine_that_becomes_burstable_does_not_run_up_credits(script):
    script.answers |= {"ModifyInstanceAttribute": [{}, {}], "ModifyInstanceCreditSpecification": [{}]}
    script.cloud.resize("i-1", "m7i.large")
    assert [operation for operation, _ in script.asked] == ["ModifyInstanceAttribute"]
    script.cloud.resize("i-1", "t3.large")
    wanted = [{"InstanceId": "i-1", "CpuCredits": "standard"}]
    assert script.parameters("ModifyInstanceCreditSpecification") == {"InstanceCreditSpecifications": wanted}


def test_unlimited_credits_are_asked_for_only_where_they_are_permitted(script):
    script.answers["RunInstances"] = [LAUNCHED]
    script.cloud.launch(replace(SPEC, unlimited=True), "token-1")
    assert script.parameters("RunInstances")["CreditSpecification"] == {"CpuCredits": "unlimited"}
    script.cloud.set_credits("i-1", unlimited=True)
    wanted = [{"InstanceId": "i-1", "CpuCredits": "unlimited"}]
    assert script.parameters("ModifyInstanceCreditSpecification") == {"InstanceCreditSpecifications": wanted}


@pytest.mark.parametrize("code", ["IncorrectModificationState", "VolumeModificationRateExceeded"])
def test_a_disk_that_is_just_growing_to_that_size_is_not_a_refusal(script, code):
    script.answers["ModifyVolume"] = [Refusal(code), Refusal(code)]
    change = {"VolumeId": "vol-1", "TargetSize": 40, "ModificationState": "modifying"}
    script.answers["DescribeVolumesModifications"] = [{"VolumesModifications": [change]}] * 2
    script.answers["DescribeVolumes"] = [{"Volumes": [{"VolumeId": "vol-1", "Size": 30}]}] * 2
    script.cloud.grow("vol-1", 40)
    with pytest.raises(Refused):
        script.cloud.grow("vol-1", 50)


def test_a_retried_launch_says_the_same_in_the_same_order(script):
    script.answers["RunInstances"] = [LAUNCHED, LAUNCHED]
    script.cloud.launch(SPEC, "token-1")
    script.cloud.launch(replace(SPEC, tags=dict(reversed(TAGS.items()))), "token-1")
    assert script.asked[0] == script.asked[1]


@pytest.mark.parametrize("code", ["InvalidGroup.NotFound", "InvalidKeyPair.NotFound"])
def test_a_group_or_key_that_is_not_shown_yet_is_waited_for(script, code):
    script.answers["RunInstances"] = [Refusal(code)]
    with pytest.raises(NotYet) as error:
        script.cloud.launch(SPEC, "token-1")
    assert error.value.code == code


# --- the image -------------------------------------------------------------------------------------------------------
def image(image_id: str, created: str = "2026-01-01", root: str = "/dev/sda1") -> dict[str, str]:
    return {"ImageId": image_id, "RootDeviceName": root, "CreationDate": created}


def test_the_newest_ubuntu_is_canonicals_word(script):
    script.answers["GetParameter"] = [{"Parameter": {"Value": "ami-7"}}] * 2
    script.answers["DescribeImages"] = [{"Images": [image("ami-7", root="/dev/xvda")]}]
    assert script.cloud.newest_image() == script.cloud.newest_image() == Image("ami-7", "/dev/xvda")
    assert script.parameters("DescribeImages") == {"ImageIds": ["ami-7"]}, "the root device is asked for once"
    assert script.asked[0][1]["Name"] == (
        "/aws/service/canonical/ubuntu/server/24.04/stable/current/amd64/hvm/ebs-gp3/ami-id"
    )


def test_a_new_image_is_asked_for_its_root_device_again(script):
    script.answers["GetParameter"] = [{"Parameter": {"Value": "ami-20"}}, {"Parameter": {"Value": "ami-21"}}]
    script.answers["DescribeImages"] = [{"Images": [image("ami-20")]}, {"Images": [image("ami-21", root="/dev/xvda")]}]
    assert script.cloud.newest_image() == Image("ami-20", "/dev/sda1")
    assert script.cloud.newest_image() == Image("ami-21", "/dev/xvda")


@pytest.mark.parametrize("refusal", [Refusal("ParameterNotFound"), Refusal("AccessDeniedException")])
def test_without_that_word_canonicals_newest_image_is_looked_up(script, refusal):
    script.answers["GetParameter"] = [refusal]
    listed = [image("ami-1", "2026-02-01"), image("ami-3", "2026-06-10"), image("ami-2", "2026-06-09")]
    script.answers["DescribeImages"] = [{"Images": listed}]
    assert script.cloud.newest_image() == Image("ami-3", "/dev/sda1")
    assert script.parameters("DescribeImages") == {
        "Owners": ["099720109477"],
        "Filters": [
            {"Name": "name", "Values": ["ubuntu/images/hvm-ssd-gp3/ubuntu-noble-24.04-amd64-server-*"]},
            {"Name": "state", "Values": ["available"]},
            {"Name": "architecture", "Values": ["x86_64"]},
        ],
    }


def test_a_type_of_arm_is_made_from_an_image_for_arm(script):
    script.answers["GetParameter"] = [{"Parameter": {"Value": "ami-8"}}, Refusal("ParameterNotFound")]
    script.answers["DescribeImages"] = [
        {"Images": [image("ami-8") | {"Architecture": "arm64"}]}, {"Images": [image("ami-9")]},
    ]  # fmt: skip
    assert script.cloud.newest_image("arm64").image_id == "ami-8"
    assert script.parameters("GetParameter")["Name"].endswith("/current/arm64/hvm/ebs-gp3/ami-id")
    assert script.cloud.newest_image("arm64").image_id == "ami-9"
    assert {"Name": "architecture", "Values": ["arm64"]} in script.asked[-1][1]["Filters"]


def test_a_fixed_image_for_another_architecture_is_found_out_before_a_launch():
    script = Script(ONDOL_IMAGE_ID="ami-0123456789abcdef0")
    script.answers["DescribeImages"] = [{"Images": [image("ami-0123456789abcdef0") | {"Architecture": "x86_64"}]}]
    with pytest.raises(Refused) as refusal:
        script.cloud.newest_image("arm64")
    assert refusal.value.code == "ImageArchitecture"


def test_no_other_image_is_taken_while_aws_does_not_answer(script):
    script.answers["GetParameter"] = [Refusal("InternalServerError", http_status=500)]
    with pytest.raises(Unreachable):
        script.cloud.newest_image()
    assert script.operations() == ["GetParameter"]


def test_a_fixed_image_needs_no_parameter_store():
    script = Script(ONDOL_IMAGE_ID="ami-0123456789abcdef0")
    script.answers["DescribeImages"] = [{"Images": [image("ami-0123456789abcdef0", root="/dev/xvda")]}]
    assert script.cloud.newest_image() == Image("ami-0123456789abcdef0", "/dev/xvda")
    assert script.operations() == ["DescribeImages"]


def test_an_image_that_is_not_shown_is_never_guessed(script):
    script.answers["GetParameter"] = [{"Parameter": {"Value": "ami-30"}}, Refusal("ParameterNotFound")]
    script.answers["DescribeImages"] = [{"Images": []}, {"Images": []}]
    for _ in range(2):
        with pytest.raises(Refused):
            script.cloud.newest_image()


# --- group and key ---------------------------------------------------------------------------------------------------
def test_a_group_has_a_description_in_ascii_and_all_tags(script):
    script.answers["CreateSecurityGroup"] = [{"GroupId": "sg-1"}]
    assert script.cloud.create_group("ondol-row-1", TAGS) == "sg-1"
    asked = script.parameters("CreateSecurityGroup")
    assert asked.pop("Description").isascii()
    assert asked == {
        "GroupName": "ondol-row-1",
        "VpcId": "vpc-0123456789abcdef0",
        "TagSpecifications": [{"ResourceType": "security-group", "Tags": ALL_TAGS}],
    }


def test_a_key_is_rsa_in_pem_with_all_tags(script):
    script.answers["CreateKeyPair"] = [{"KeyName": "ondol-row-1", "KeyFingerprint": "aa:bb", "KeyMaterial": "PEM"}]
    script.cloud.create_key("ondol-row-1", TAGS)
    assert script.parameters("CreateKeyPair") == {
        "KeyName": "ondol-row-1",
        "KeyType": "rsa",
        "KeyFormat": "pem",
        "TagSpecifications": [{"ResourceType": "key-pair", "Tags": ALL_TAGS}],
    }


def test_a_public_key_is_imported_with_all_tags_and_nothing_else(script):
    line = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINdamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea"
    script.answers["ImportKeyPair"] = [{"KeyName": "ondol-row-1", "KeyFingerprint": "made up", "KeyPairId": "key-1"}]
    assert script.cloud.import_key("ondol-row-1", line, TAGS).fingerprint == "made up", "who asks compares it"
    assert script.parameters("ImportKeyPair") == {
        "KeyName": "ondol-row-1",
        "PublicKeyMaterial": line.encode(),
        "TagSpecifications": [{"ResourceType": "key-pair", "Tags": ALL_TAGS}],
    }


def changes(script) -> list[tuple[str, list[str]]]:
    """Return the calls that change rules, with the ranges of each."""
    return [
        (operation.removesuffix("SecurityGroupIngress"), [entry["CidrIp"] for entry in permission["IpRanges"]])
        for operation, parameters in script.asked
        if operation.endswith("Ingress")
        for permission in parameters["IpPermissions"]
    ]


def group_with(*ranges: str) -> dict[str, Any]:
    ssh = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": cidr} for cidr in ranges]}
    return {"SecurityGroups": [{"GroupId": "sg-1", "IpPermissions": [ssh]}]}


LAB, HOME, EVERYBODY = "203.0.113.0/24", "198.51.100.7/32", "0.0.0.0/0"


@pytest.mark.parametrize(
    ("there", "wished", "asked"),
    [
        ([], [LAB, HOME], [("Authorize", [HOME, LAB])]),
        ([EVERYBODY], [LAB, HOME], [("Revoke", [EVERYBODY]), ("Authorize", [HOME, LAB])]),
        ([EVERYBODY, LAB], [LAB], [("Revoke", [EVERYBODY])]),
        ([LAB, HOME], [HOME, LAB], []),
        ([LAB, HOME], [], [("Revoke", [HOME, LAB])]),
    ],
)
def test_a_group_is_made_equal_by_two_calls_at_most_and_closed_first(script, there, wished, asked):
    script.answers["DescribeSecurityGroups"] = [group_with(*there)]
    script.cloud.set_ssh("sg-1", wished)
    assert changes(script) == asked


@pytest.mark.parametrize(
    ("act", "code", "there", "wished"),
    [
        ("Authorize", "InvalidPermission.Duplicate", [], [LAB, HOME]),
        ("Revoke", "InvalidPermission.NotFound", [LAB, HOME], []),
    ],
)
def test_where_one_rule_is_as_it_should_be_meanwhile_the_others_are_changed_one_by_one(
    script, act, code, there, wished
):
    script.answers["DescribeSecurityGroups"] = [group_with(*there)]
    script.answers[f"{act}SecurityGroupIngress"] = [Refusal(code), Refusal(code), {}]
    script.cloud.set_ssh("sg-1", wished)
    assert changes(script) == [(act, [HOME, LAB]), (act, [HOME]), (act, [LAB])]


def test_a_worker_that_froze_after_its_look_changes_nothing_once_its_job_is_anothers(script):
    class Overtaken(Exception):
        pass

    def still_ours():
        asked.append(changes(script))
        if len(asked) == 2:
            raise Overtaken

    asked = []
    script.answers["DescribeSecurityGroups"] = [group_with(EVERYBODY)]
    with pytest.raises(Overtaken):
        script.cloud.set_ssh("sg-1", [LAB], still_ours)
    assert asked == [[], [("Revoke", [EVERYBODY])]]
    assert changes(script) == [("Revoke", [EVERYBODY])]


def test_what_is_too_much_goes_even_where_what_is_missing_is_refused(script):
    script.answers["DescribeSecurityGroups"] = [group_with(EVERYBODY)]
    script.answers["AuthorizeSecurityGroupIngress"] = [Refusal("RulesPerSecurityGroupLimitExceeded")]
    with pytest.raises(Quota):
        script.cloud.set_ssh("sg-1", [LAB])
    assert changes(script) == [("Revoke", [EVERYBODY]), ("Authorize", [LAB])]


def test_a_group_still_in_use_is_not_yet_removed_and_an_absent_one_is(script):
    script.answers["DeleteSecurityGroup"] = [Refusal("DependencyViolation"), Refusal("InvalidGroup.NotFound")]
    with pytest.raises(NotYet):
        script.cloud.delete_group("sg-1")
    script.cloud.delete_group("sg-1")


# --- looking ---------------------------------------------------------------------------------------------------------
def test_all_machines_are_one_filtered_question(script):
    script.cloud.ec2_instances()
    assert script.parameters("DescribeInstances") == {"Filters": OURS, "MaxResults": 1000}


def test_a_sweep_lists_only_what_is_ours_however_much_there_is_of_others(script):
    script.answers["DescribeKeyPairs"] = [{"KeyPairs": []}]
    script.cloud.inventory()
    assert len(script.asked) == 5
    for operation, asked in script.asked:
        if operation == "DescribeAlarms":
            assert asked["AlarmNamePrefix"] == "ondol-"
        else:
            assert asked["Filters"] == OURS, operation


def test_tags_for_what_exists_are_set_by_ids_and_of_alarms_by_arns(script):
    interface = {"NetworkInterfaceId": "eni-1"}
    shown = LAUNCHED["Instances"][0] | {"NetworkInterfaces": [interface]}
    script.answers["DescribeInstances"] = [{"Reservations": [{"Instances": [shown]}]}]
    script.answers["DescribeKeyPairs"] = [{"KeyPairs": [{"KeyName": "ondol-row-1-a", "KeyPairId": "key-1"}]}]
    arn = "arn:aws:cloudwatch:ap-northeast-2:123456789012:alarm:ondol-row-1"
    alarm = {"AlarmName": "ondol-row-1", "AlarmArn": arn, "AlarmDescription": f"Ondol {DEPLOYMENT}: stops i-1"}
    script.answers["DescribeAlarms"] = [{"MetricAlarms": [alarm]}] * 2
    script.cloud.tag(script.cloud.inventory(), {"Team": "lab"})
    told = [{"Key": "Team", "Value": "lab"}]
    assert script.parameters("CreateTags") == {"Resources": ["eni-1", "i-1", "key-1"], "Tags": told}
    assert script.parameters("TagResource") == {"ResourceARN": arn, "Tags": told}


def test_many_rows_are_asked_for_in_calls_that_aws_accepts(script):
    script.cloud.ec2_instances([f"row-{number:03}" for number in range(401)])
    assert [len(asked["Filters"][2]["Values"]) for _, asked in script.asked] == [190, 190, 21]
    # EC2 counts over all filters of a call.
    assert max(sum(len(one["Values"]) for one in asked["Filters"]) for _, asked in script.asked) <= 200
    assert all(asked["Filters"][:2] == OURS for _, asked in script.asked)


def test_no_rows_are_no_question(script):
    assert script.cloud.ec2_instances([]) == []
    assert script.cloud.checks_passed([]) == set()
    assert script.cloud.alarms([]) == []
    assert script.asked == []


def test_every_page_is_read(script):
    script.answers["DescribeInstances"] = [
        {"Reservations": [LAUNCHED], "NextToken": "more"},
        {"Reservations": [{"Instances": [{"InstanceId": "i-2", "State": {"Name": "running"}}]}]},
    ]
    assert [server.instance_id for server in script.cloud.ec2_instances()] == ["i-1", "i-2"]


def test_checks_are_not_asked_by_id_since_an_unknown_one_would_fail_the_call(script):
    script.answers["DescribeInstanceStatus"] = [{"InstanceStatuses": [{"InstanceId": "i-1"}, {"InstanceId": "i-9"}]}]
    assert script.cloud.checks_passed(["i-1", "i-gone"]) == {"i-1"}
    asked = script.parameters("DescribeInstanceStatus")
    assert "InstanceIds" not in asked
    assert {f["Name"]: f["Values"] for f in asked["Filters"]} == {
        "instance-status.status": ["ok"],
        "system-status.status": ["ok"],
    }


# --- auto-stop -------------------------------------------------------------------------------------------------------
def test_an_alarm_is_put_like_this_and_no_other_way(script):
    script.cloud.arm("ondol-row-1", "i-1", IdleRule(30, 5), 40, TAGS)
    assert script.operations() == ["PutMetricAlarm"]
    asked = script.parameters("PutMetricAlarm")
    assert asked.pop("AlarmDescription").isascii()
    assert asked == {
        "AlarmName": "ondol-row-1",
        "Namespace": "AWS/EC2",
        "MetricName": "CPUUtilization",
        "Dimensions": [{"Name": "InstanceId", "Value": "i-1"}],
        "Statistic": "Average",
        "ComparisonOperator": "LessThanThreshold",
        "Threshold": 5.0,
        "Period": 300,
        "EvaluationPeriods": 6,
        "TreatMissingData": "missing",
        "ActionsEnabled": True,
        "AlarmActions": ["arn:aws:automate:ap-northeast-2:ec2:stop"],
        "WarmUpConfiguration": {
            "WarmUpPeriodDurationInMinutes": 40,
            "OnlyStartEvaluatingAfterWarmUpPeriodEnds": True,
        },
        "Tags": ALL_TAGS,
    }


def test_a_muted_alarm_has_its_actions_off_and_may_do_without_a_warm_up(script):
    script.cloud.arm("ondol-row-1", "i-1", IdleRule(30, 5), 0, TAGS, is_muted=True)
    asked = script.parameters("PutMetricAlarm")
    assert asked["ActionsEnabled"] is False
    assert asked["AlarmActions"] == ["arn:aws:automate:ap-northeast-2:ec2:stop"]
    assert "WarmUpConfiguration" not in asked


@pytest.mark.parametrize("refusal", ["ValidationError", "InvalidParameterCombination"])
def test_an_alarm_with_a_parameter_that_is_not_taken_is_invalid(script, refusal):
    script.answers["PutMetricAlarm"] = [Refusal(refusal), Refusal("AccessDenied", http_status=403)]
    with pytest.raises(Invalid):
        script.cloud.arm("ondol-row-1", "i-1", IdleRule(30, 5), 40, TAGS)
    with pytest.raises(Refused) as denied:
        script.cloud.arm("ondol-row-1", "i-1", IdleRule(30, 5), 40, TAGS)
    assert type(denied.value) is Refused


def test_alarms_that_were_never_there_are_deleted_in_one_call(script):
    script.answers["DeleteAlarms"] = [Refusal("ResourceNotFound", http_status=404)]
    script.cloud.delete_alarm("ondol-row-1", "ondol-row-1-2")
    assert script.parameters("DeleteAlarms") == {"AlarmNames": ["ondol-row-1", "ondol-row-1-2"]}


def test_a_machine_that_is_gone_is_gone(script):
    script.answers["TerminateInstances"] = [Refusal("InvalidInstanceID.NotFound")]
    with pytest.raises(Gone):
        script.cloud.terminate("i-1")


def test_without_a_network_nothing_begins():
    with pytest.raises(ConfigError, match="AWS_SUBNET_ID is not set"):
        AwsCloud.from_config(settings(AWS_SUBNET_ID=""), DEPLOYMENT)
