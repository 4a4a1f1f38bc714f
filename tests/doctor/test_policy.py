"""The policy that `ondol doctor --print-policy` prints: enough, not more, and not for what is not ours."""

import copy
import json
import re
from pathlib import Path

import pytest

from localcloud.iam.policy import read
from ondol.cloud import aws
from ondol.cloud.errors import Refused
from ondol.config import Config, ConfigError
from ondol.doctor import aws_checks, check_up
from ondol.doctor.findings import Level
from ondol.doctor.policy import policy
from tests.cloud.grounds import Trial
from tests.doctor.conftest import Account, Guarded
from tests.doctor.journey import journey

SAMPLE = Config(_env_file=None, AWS_VPC_ID="vpc-0123456789abcdef0", AWS_SUBNET_ID="subnet-0123456789abcdef0")
ACCOUNT, DEPLOYMENT = "123456789012", "8c0f2a52-6f6b-4a3e-9a53-0d5f6a0f3a11"
DOCUMENT = json.loads(policy(SAMPLE, ACCOUNT, DEPLOYMENT))


# --- what is written -------------------------------------------------------------------------------------------------
def test_it_is_whole_and_iam_takes_it():
    text = policy(SAMPLE, ACCOUNT, DEPLOYMENT)
    assert "$" not in text
    assert len(re.sub(r"\s", "", text)) <= 6144
    assert len({statement["Sid"] for statement in DOCUMENT["Statement"]}) == len(DOCUMENT["Statement"])


def test_all_statements_allow():
    assert {statement["Effect"] for statement in DOCUMENT["Statement"]} == {"Allow"}


def test_only_looks_are_allowed_on_everything():
    for statement in DOCUMENT["Statement"]:
        if statement["Resource"] == "*":
            assert all(
                re.match(r"ec2:Describe|cloudwatch:(Describe|GetMetric)|servicequotas:Get|pricing:Get", one)
                for one in listed(statement["Action"])
            )


_CALLS = (
    r"\b(?:self\._)?(ec2|cloudwatch|ssm)\.([a-z_]+)\b(?!\.)",
    r'(?:every|each)\(\s*(?:ec2 or )?self\._(ec2|cloudwatch|ssm), "([a-z_]+)"',
    r'_client\("([a-z0-9-]+)"\)\.([a-z_]+)',
    r'(?:every|each)\(\s*self\._client\("([a-z0-9-]+)"\), "([a-z_]+)"',
)


def test_every_call_in_the_code_is_allowed():
    """A new call needs its permission."""
    files = [file.read_text() for file in Path(aws.__file__).parent.glob("*.py")]
    calls = {found for text in files for pattern in _CALLS for found in re.findall(pattern, text)}
    prefixes = {"service-quotas": "servicequotas"}
    made = {f"{prefixes.get(service, service)}:{name.title().replace('_', '')}" for service, name in calls}
    made = {name.replace("SendSshPublicKey", "SendSSHPublicKey") for name in made}
    allowed = {action for statement in DOCUMENT["Statement"] for action in listed(statement["Action"])}
    assert len(made) > 20
    assert made - allowed == {"sts:GetCallerIdentity"}  # needs no permission
    assert allowed - made == {"iam:CreateServiceLinkedRole"}  # comes with PutMetricAlarm


def test_existing_things_may_be_given_the_tags_of_the_settings_and_no_others():
    tags = (("CostCenter", "4711"), ("부서", "연구"))
    document = json.loads(policy(SAMPLE.model_copy(update={"tags": tags}), ACCOUNT, DEPLOYMENT))
    assert document["Statement"][:-1] == DOCUMENT["Statement"]
    statement = document["Statement"][-1]
    assert statement["Action"] == "ec2:CreateTags"
    assert statement["Condition"]["ForAllValues:StringEquals"] == {"aws:TagKeys": ["CostCenter", "부서"]}
    assert statement["Condition"]["StringLike"] == {"aws:ResourceTag/OndolDeployment": DEPLOYMENT}


def test_a_policy_that_iam_would_not_take_is_not_printed():
    tags = tuple((f"key{number}" + "x" * 100, "") for number in range(20))
    with pytest.raises(ConfigError, match="6144"):
        policy(SAMPLE.model_copy(update={"tags": tags}), ACCOUNT, DEPLOYMENT)


def test_a_machine_is_given_permitted_types_only():
    [statement] = [one for one in DOCUMENT["Statement"] if one["Sid"] == "ChangeType"]
    condition = statement["Condition"]["StringEquals"]
    assert condition["ec2:Attribute/InstanceType"] == list(SAMPLE.permitted_types)


@pytest.mark.slow
def test_under_the_policy_what_exists_is_tagged_and_other_keys_are_denied(ground, alice):
    ground.running(alice)
    config = ground.config.model_copy(update={"tags": (("CostCenter", "4711"),)})
    ground.guard(json.loads(policy(config, ground.account_id, ground.deployment)))
    ground.cloud.tag(ground.cloud.inventory(), {"CostCenter": "4711"})
    assert ground.denied() == []
    with pytest.raises(Refused):
        ground.cloud.tag(ground.cloud.inventory(), {"OndolDeployment": "mine"})


def listed(given):
    return given if isinstance(given, list) else [given]


# --- enough ----------------------------------------------------------------------------------------------------------
@pytest.mark.slow
def test_the_whole_journey_runs_without_one_refusal(ground):
    assert journey(ground) == []
    wrong = [finding for finding in ground.found if finding.level in {Level.WARNING, Level.FAILED}]
    assert not wrong
    assert "untried" not in {finding.code for finding in ground.found}, "all was tried on alice's machine"


@pytest.mark.slow
def test_a_check_up_leaves_nothing(ground, alice):
    ground.running(alice)
    before = ground.there()
    assert check_up.examine(aws_checks.Case(ground.probes, ground.config))
    assert ground.there() == before


def demanding(key):
    """Return the policy of an account in which all is allowed, but nothing is made without this tag."""
    without_tag = {"Effect": "Deny", "Condition": {"Null": {f"aws:RequestTag/{key}": "true"}}}
    made = {
        "ec2:RunInstances": ["ec2:*:*:instance/*", "ec2:*:*:volume/*", "ec2:*:*:network-interface/*"],
        "ec2:CreateSecurityGroup": ["ec2:*:*:security-group/*"],
        "ec2:CreateKeyPair": ["ec2:*:*:key-pair/*"],
        "ec2:ImportKeyPair": ["ec2:*:*:key-pair/*"],
        "cloudwatch:PutMetricAlarm": ["cloudwatch:*:*:alarm:*"],
        "cloudwatch:TagResource": ["cloudwatch:*:*:alarm:*"],
    }
    denials = [
        without_tag | {"Action": action, "Resource": [f"arn:aws:{kind}" for kind in kinds]}
        for action, kinds in made.items()
    ]
    return {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}, *denials]}


@pytest.mark.slow
@pytest.mark.parametrize("has_tags", [True, False])
def test_where_an_account_demands_a_tag_a_check_up_fails_only_without_it(ground, alice, has_tags):
    ground.running(alice)
    config = ground.config.model_copy(update={"tags": (("CostCenter", "4711"),) if has_tags else ()})
    ground.probes._config = config
    ground.guard(demanding("CostCenter"))
    found = check_up.examine(aws_checks.Case(ground.probes, config))
    failed = {finding.check: finding.params for finding in found if finding.level is Level.FAILED}
    makes = "ec2:RunInstances, ec2:CreateSecurityGroup, ec2:CreateKeyPair, ec2:ImportKeyPair, cloudwatch:TagResource"
    assert failed == ({} if has_tags else {"permissions": {"actions": makes}, "warm_up": {}})


# --- and not more ----------------------------------------------------------------------------------------------------
def without():
    """Yield the policy without each entry of its statements' lists, or without a statement that has none.

    All statements allow: without all of its entries, one would be missed at least as much as without one of them.
    """
    for number, statement in enumerate(DOCUMENT["Statement"]):
        if statement["Sid"] == "MakeRoleOfAlarms":
            continue  # needed as long as the role is not there: below
        lists = {name: statement[name] for name in ("Action", "Resource") if isinstance(statement[name], list)}
        lists["Condition"] = statement.get("Condition", {}).get("StringEquals", {}).get("ec2:CreateAction", [])
        if not any(lists.values()):
            yield number, "", ""
        for name, entries in lists.items():
            for entry in entries:
                yield number, name, entry


def lessened(document, number, name, entry):
    document = copy.deepcopy(document)
    statement = document["Statement"][number]
    if not name:
        del document["Statement"][number]
    elif name == "Condition":
        statement["Condition"]["StringEquals"]["ec2:CreateAction"].remove(entry)
    else:
        kind = entry.rpartition(":")[2]  # of an action or of an ARN
        statement[name] = [one for one in statement[name] if one.rpartition(":")[2] != kind]
    return document


LESS = list(without())


@pytest.mark.slow
def test_the_journey_needs_each_entry(ground):
    """Judge what it asks for by each lesser policy, as the trial cloud judges it: see below."""
    with ground.noting() as needed:
        assert journey(ground) == []
    for less in LESS:
        judge = read(json.dumps(lessened(ground.document(), *less)))
        refused = {permission.action for permission in needed if not judge.allows(permission)}
        _, name, entry = less
        assert entry in refused if name == "Action" else refused, (DOCUMENT["Statement"][less[0]]["Sid"], entry)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["", "Action", "Resource", "Condition"])
def test_without_an_entry_the_journey_ends_in_a_refusal(ground, kind):
    """Take the last one of each kind."""
    number, name, entry = [less for less in LESS if less[1] == kind][-1]
    ground.guard(lessened(ground.document(), number, name, entry))
    denied = journey(ground)
    assert entry.rpartition(":")[2] in denied if name == "Action" else denied


@pytest.mark.slow
def test_the_first_machine_of_an_account_needs_the_role_of_alarms(tmp_path):
    trial = Trial(tmp_path / "home")
    try:
        ground = Guarded(Account(trial))
        number = next(n for n, one in enumerate(DOCUMENT["Statement"]) if one["Sid"] == "MakeRoleOfAlarms")
        ground.guard(lessened(ground.document(), number, "", ""))
        assert journey(ground) == ["PutMetricAlarm"]
        ground.guard(ground.document())
        assert journey(ground) == []
    finally:
        trial.end()
