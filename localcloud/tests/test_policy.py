"""A policy in the trial is judged as IAM judges it: by statement, resource and condition, for each request."""

import json
import re
from urllib.request import Request, urlopen

import pytest
from botocore.exceptions import ClientError

from localcloud.iam.policy import BadPolicy, Permission, read
from trial import Trial, refused

pytestmark = pytest.mark.slow
ROLE = "AWSServiceRoleForCloudWatchEvents"


def policy(*statements, **common):
    whole = [{"Effect": "Allow", "Resource": "*", **common, **one} for one in statements]
    return json.dumps({"Version": "2012-10-17", "Statement": whole})


def allows(action="ec2:StartInstances", resource="arn:aws:ec2:r:1:instance/i-1", context=None, **statement):
    return read(policy({"Action": action, **statement})).allows(Permission(action, resource, context or {}))


# --- the rules, without a cloud --------------------------------------------------------------------------------------
def test_nothing_is_allowed_that_no_statement_names():
    assert not read(policy()).allows(Permission("ec2:StartInstances", "*", {}))
    assert allows()
    assert not read(policy({"Action": "ec2:Describe*"})).allows(Permission("ec2:StartInstances", "*", {}))


def test_an_explicit_deny_wins_over_any_allow():
    both = read(policy({"Action": "*"}, {"Effect": "Deny", "Action": "ec2:stopinstances"}))
    assert both.allows(Permission("ec2:StartInstances", "*", {}))
    assert not both.allows(Permission("ec2:StopInstances", "*", {}))


def test_wildcards_fit_actions_without_regard_to_case_and_resources_with_it():
    assert allows("ec2:StartInstances", Action="EC2:start*")
    assert allows(resource="arn:aws:ec2:r:1:instance/i-1", Resource="arn:aws:ec2:r:?:instance/*")
    assert not allows(resource="arn:aws:ec2:r:1:instance/i-1", Resource="arn:aws:ec2:r:1:INSTANCE/*")


def test_an_action_without_resources_needs_a_statement_about_all():
    assert not allows("ec2:DescribeInstances", resource="*", Resource="arn:aws:ec2:r:1:instance/*")


@pytest.mark.parametrize(
    ("operator", "wanted", "found", "holds"),
    [
        ("StringEquals", "a", "a", True),
        ("StringEquals", ["b", "a"], "a", True),
        ("StringEquals", "a*", "ab", False),
        ("StringLike", "a*", "ab", True),
        ("StringNotEquals", "a", "b", True),
        ("StringNotEquals", ["a", "b"], "b", False),
        ("StringEqualsIgnoreCase", "A", "a", True),
        ("ArnLike", "arn:aws:ec2:*:1:subnet/*", "arn:aws:ec2:r:1:subnet/s", True),
        ("Bool", "true", "true", True),
        ("Bool", True, "false", False),
        ("NumericLessThanEquals", "30", "31", False),
        ("NumericLessThanEquals", "30", "30", True),
        ("StringEquals", "a", None, False),
        ("StringNotEquals", "a", None, True),
        ("StringEqualsIfExists", "a", None, True),
        ("StringEqualsIfExists", "a", "b", False),
        ("Null", "true", None, True),
        ("Null", "true", "a", False),
    ],
)
def test_a_condition_holds_as_the_guide_says(operator, wanted, found, holds):
    context = {} if found is None else {"aws:requesttag/owner": (found,)}
    assert allows(context=context, Condition={operator: {"aws:RequestTag/Owner": wanted}}) is holds


@pytest.mark.parametrize(
    ("found", "all_", "any_"), [((), True, False), (("a",), True, True), (("a", "b"), False, True)]
)
def test_lists_are_judged_value_by_value(found, all_, any_):
    context = {"aws:tagkeys": found} if found else {}
    assert allows(context=context, Condition={"ForAllValues:StringEquals": {"aws:TagKeys": "a"}}) is all_
    assert allows(context=context, Condition={"ForAnyValue:StringEquals": {"aws:TagKeys": "a"}}) is any_


def test_all_conditions_of_a_statement_have_to_hold():
    wanted = {"StringEquals": {"ec2:InstanceType": "t3.small"}, "Bool": {"ec2:Encrypted": "true"}}
    assert not allows(context={"ec2:instancetype": ("t3.small",), "ec2:encrypted": ("false",)}, Condition=wanted)
    assert allows(context={"ec2:instancetype": ("t3.small",), "ec2:encrypted": ("true",)}, Condition=wanted)


@pytest.mark.parametrize(
    "text",
    [
        "{",
        '{"Statement": []}',
        policy({"Action": "ec2:*", "Effect": "Maybe"}),
        policy({"NotAction": "ec2:*"}),
        policy({"Action": "ec2:*", "Condition": {"StringIs": {"a": "b"}}}),
        policy({"Action": "ec2:*", "Condition": {"NotNull": {"a": "true"}}}),
        policy({"Action": "ec2:*", "Condition": {"NotBool": {"a": "true"}}}),
        policy({"Action": "ec2:*", "Condition": {"NumericNotLessThan": {"a": "1"}}}),
        policy({"Action": "ec2:*", "Condition": {"DateLessThan": {"aws:CurrentTime": "2030-01-01"}}}),
        policy({"Action": "ec2:*", "Resource": "arn:aws:ec2:r:1:instance/${aws:username}"}),
        policy({"Action": "ec2:*", "Sid": "no-dashes"}),
        policy({"Action": []}),
        policy({"Action": ["ec2:" + "A" * 7000]}),
    ],
)
def test_a_policy_that_iam_or_this_trial_does_not_understand_is_refused(text):
    with pytest.raises(BadPolicy):
        read(text)


# --- in force --------------------------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def trial(tmp_path_factory):
    trial = Trial(tmp_path_factory.mktemp("policy") / "trial", options=("--hurry", "10", "--faults")).start()
    yield trial
    trial.end()


@pytest.fixture
def put(trial):
    file = trial.home / "policy.json"
    yield lambda *statements: file.write_text(policy(*statements))
    file.unlink()


def denied(call, **request):
    with pytest.raises(ClientError) as caught:
        call(**request)
    answer = caught.value.response
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 403
    named = re.search(r"perform: (\S+) on resource: (\S+) ", answer["Error"]["Message"])
    return answer["Error"]["Code"], *named.groups()


def test_without_a_policy_all_is_allowed_and_with_one_it_holds_at_once(trial, put):
    trial.ec2.describe_vpcs()
    put({"Action": "ec2:DescribeSubnets"})
    trial.ec2.describe_subnets()
    assert denied(trial.ec2.describe_vpcs) == ("UnauthorizedOperation", "ec2:DescribeVpcs", "*")
    put({"Action": "ec2:DescribeVpcs"})
    trial.ec2.describe_vpcs()


def test_each_service_refuses_in_its_own_words(trial, put):
    put({"Action": "ec2:DescribeSubnets"})
    assert denied(trial.cloudwatch.describe_alarms)[0] == "AccessDenied"
    assert denied(trial.client("ssm").get_parameter, Name="/x")[0] == "AccessDeniedException"
    assert denied(trial.client("iam").get_role, RoleName=ROLE)[0] == "AccessDenied"
    quota = {"ServiceCode": "ec2", "QuotaCode": "L-1216C47A"}
    assert denied(trial.client("service-quotas").get_service_quota, **quota)[0] == "AccessDeniedException"
    assert trial.client("sts").get_caller_identity()["Account"]


def test_a_dry_run_tells_whether_one_may(trial, put):
    put({"Action": "ec2:DescribeVpcs"})
    with pytest.raises(ClientError, match="DryRunOperation"):
        trial.ec2.describe_vpcs(DryRun=True)
    assert denied(trial.ec2.describe_subnets, DryRun=True)[0] == "UnauthorizedOperation"


def test_what_yuna_tagged_is_hers_and_the_rest_is_not(trial, put):
    ours = {"StringEquals": {"aws:ResourceTag/Owner": "yuna"}}
    tagged = [{"ResourceType": "key-pair", "Tags": [{"Key": "Owner", "Value": "yuna"}]}]
    trial.ec2.create_key_pair(KeyName="yunas", TagSpecifications=tagged)
    trial.ec2.create_key_pair(KeyName="minjis")
    put({"Action": "ec2:DeleteKeyPair", "Condition": ours})
    trial.ec2.delete_key_pair(KeyName="yunas")
    code, _, resource = denied(trial.ec2.delete_key_pair, KeyName="minjis")
    assert (code, resource.rpartition(":")[2]) == ("UnauthorizedOperation", "key-pair/minjis")


def test_what_is_new_has_no_tags_yet_where_a_rule_says_so(trial, put):
    ours = {"StringEquals": {"aws:ResourceTag/Owner": "yuna"}}
    put({"Action": ["ec2:CreateKeyPair", "ec2:CreateTags"]}, {"Action": "ec2:DeleteKeyPair", "Condition": ours})
    address = trial.environment["AWS_ENDPOINT_URL"] + "/_localcloud/rules"
    rule = json.dumps({"operation": "*", "when": "lag", "seconds": 60}).encode()
    urlopen(Request(address, rule, {"Content-Type": "application/json"})).close()
    tagged = [{"ResourceType": "key-pair", "Tags": [{"Key": "Owner", "Value": "yuna"}]}]
    trial.ec2.create_key_pair(KeyName="yunas", TagSpecifications=tagged)
    assert denied(trial.ec2.delete_key_pair, KeyName="yunas")[0] == "UnauthorizedOperation"
    urlopen(Request(address, method="DELETE")).close()
    trial.ec2.delete_key_pair(KeyName="yunas")


NOBODYS = "i-0123456789abcdef0"
"""What is permitted goes on, and finds that this machine is not there."""


@pytest.mark.parametrize("call", ["create_tags", "delete_tags"])
def test_the_keys_of_tags_may_be_narrowed(trial, put, call):
    keys = {"ForAllValues:StringLike": {"aws:TagKeys": ["Owner", "cost-*"]}, "Null": {"aws:TagKeys": "false"}}
    put({"Action": ["ec2:CreateTags", "ec2:DeleteTags"], "Condition": keys})

    def with_keys(*keys):
        tags = [{"Key": key, "Value": "x"} for key in keys]
        return refused(getattr(trial.ec2, call), Resources=[NOBODYS], Tags=tags, DryRun=True)

    assert with_keys("Owner", "cost-center") != "UnauthorizedOperation"
    assert with_keys("Owner", "Project") == with_keys() == "UnauthorizedOperation"


def test_a_new_type_may_be_narrowed_to_some(trial, put):
    put(
        {
            "Action": "ec2:ModifyInstanceAttribute",
            "Condition": {"StringEquals": {"ec2:Attribute/InstanceType": ["t3.small"]}},
        }
    )
    modify = trial.ec2.modify_instance_attribute
    assert refused(modify, InstanceId=NOBODYS, InstanceType={"Value": "t3.small"}) == "InvalidInstanceID.NotFound"
    assert refused(modify, InstanceId=NOBODYS, InstanceType={"Value": "t3.large"}) == "UnauthorizedOperation"
    assert refused(modify, InstanceId=NOBODYS, DisableApiStop={"Value": True}) == "UnauthorizedOperation"
    put({"Action": "ec2:ModifyInstanceAttribute", "Condition": {"StringEquals": {"ec2:Attribute": "InstanceType"}}})
    assert refused(modify, InstanceId=NOBODYS, InstanceType={"Value": "t3.large"}) == "InvalidInstanceID.NotFound"


def test_what_is_not_there_has_no_tags(trial, put):
    put({"Action": "ec2:TerminateInstances", "Condition": {"StringEquals": {"aws:ResourceTag/Owner": "yuna"}}})
    assert denied(trial.ec2.terminate_instances, InstanceIds=["i-0123456789abcdef0"])[0] == "UnauthorizedOperation"


def test_tags_at_creation_need_a_permission_of_their_own(trial, put):
    tags = [{"ResourceType": "key-pair", "Tags": [{"Key": "Owner", "Value": "yuna"}]}]
    put({"Action": "ec2:CreateKeyPair"})
    assert denied(trial.ec2.create_key_pair, KeyName="one", TagSpecifications=tags)[1] == "ec2:CreateTags"
    at_creation = {"Action": "ec2:CreateTags", "Condition": {"StringEquals": {"ec2:CreateAction": "CreateKeyPair"}}}
    put({"Action": ["ec2:CreateKeyPair", "ec2:DeleteKeyPair"]}, at_creation)
    made = trial.ec2.create_key_pair(KeyName="one", TagSpecifications=tags)
    assert denied(trial.ec2.create_tags, Resources=[made["KeyPairId"]], Tags=tags[0]["Tags"])[1] == "ec2:CreateTags"


def test_a_launch_is_judged_for_everything_that_it_makes_or_uses(trial, put):
    trial.ec2.create_key_pair(KeyName="launcher")
    order = trial.order("launcher", trial.group("launchers"))
    kinds = ["instance", "volume", "network-interface", "image", "subnet", "security-group", "key-pair"]
    tagging = {"Action": "ec2:CreateTags"}
    for missing in kinds:
        resources = [f"arn:aws:ec2:*:{kind}/*" for kind in kinds if kind != missing]
        put({"Action": "ec2:RunInstances", "Resource": resources}, tagging)
        code, action, resource = denied(trial.ec2.run_instances, **order)
        assert (code, action) == ("UnauthorizedOperation", "ec2:RunInstances")
        assert resource.rpartition(":")[2].startswith(f"{missing}/")
    put({"Action": "ec2:RunInstances", "Resource": [f"arn:aws:ec2:*:{kind}/*" for kind in kinds]}, tagging)
    assert trial.ec2.run_instances(**order)["Instances"]


def test_the_images_own_disk_counts_though_nobody_names_it(trial, put):
    trial.ec2.create_key_pair(KeyName="plain")
    order = trial.order("plain", trial.group("plains"), BlockDeviceMappings=[])
    encrypted = {"Effect": "Deny", "Action": "ec2:RunInstances", "Condition": {"Bool": {"ec2:Encrypted": "false"}}}
    put({"Action": "ec2:*"}, encrypted)
    assert denied(trial.ec2.run_instances, **order)[2].endswith("volume/*")


def test_an_alarm_that_acts_on_machines_needs_the_role_as_long_as_it_is_not_there(trial, put):
    alarm = {
        "AlarmName": "idle", "Namespace": "AWS/EC2", "MetricName": "CPUUtilization", "Statistic": "Average",
        "Dimensions": [{"Name": "InstanceId", "Value": "i-0123456789abcdef0"}], "Period": 300, "EvaluationPeriods": 6,
        "Threshold": 5.0, "ComparisonOperator": "LessThanThreshold",
        "AlarmActions": ["arn:aws:automate:ap-northeast-2:ec2:stop"],
    }  # fmt: skip
    put({"Action": ["cloudwatch:*", "iam:GetRole"]})
    with pytest.raises(ClientError, match="NoSuchEntity"):
        trial.client("iam").get_role(RoleName=ROLE)
    code, action, resource = denied(trial.cloudwatch.put_metric_alarm, **alarm)
    assert (code, action) == ("AccessDenied", "iam:CreateServiceLinkedRole")
    assert resource.endswith(f"role/aws-service-role/events.amazonaws.com/{ROLE}")
    put({"Action": ["cloudwatch:*", "iam:*"]})
    trial.cloudwatch.put_metric_alarm(**alarm)
    assert trial.client("iam").get_role(RoleName=ROLE)["Role"]["RoleName"] == ROLE
    put({"Action": "cloudwatch:*"})
    trial.cloudwatch.put_metric_alarm(**alarm)


def test_what_requests_need_is_written_for_whoever_asks(trial, put):
    put({"Action": "ec2:*"})
    needed = trial.home / "needed.jsonl"
    needed.touch()
    group = trial.ec2.create_security_group(GroupName="noted", Description="-")["GroupId"]
    denied(trial.cloudwatch.describe_alarms)
    noted = [json.loads(line) for line in needed.read_text().splitlines()]
    needed.unlink()
    assert [one["action"] for one in noted] == ["ec2:CreateSecurityGroup", "cloudwatch:DescribeAlarms"]
    assert noted[0]["resource"].endswith(":security-group/*")
    trial.ec2.delete_security_group(GroupId=group)
    assert not needed.exists()


def test_a_wrong_policy_changes_nothing_and_is_said(trial, put):
    put({"Action": "ec2:DescribeVpcs"})
    trial.ec2.describe_vpcs()
    (trial.home / "policy.json").write_text("{")
    trial.ec2.describe_vpcs()
    assert denied(trial.ec2.describe_subnets)
    assert "policy.json: it is not JSON" in trial.log()


@pytest.mark.parametrize("region", ["us-gov-west-1", "cn-north-1", "seoul"])
def test_a_cloud_does_not_start_where_it_has_no_types(tmp_path, region):
    trial = Trial(tmp_path / "trial", options=("--region", region))
    with pytest.raises(AssertionError, match=f"no instance types in {region}"):
        trial.start()
    trial.end()


def test_a_cloud_does_not_start_on_a_policy_that_it_cannot_read(tmp_path):
    home = tmp_path / "trial"
    home.mkdir()
    (home / "policy.json").write_text("{}")
    trial = Trial(home)
    with pytest.raises(AssertionError, match="it needs"):
        trial.start()
    trial.end()
