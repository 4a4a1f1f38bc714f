"""Failing calls on purpose, and counting what was asked and made."""

import io
import json
import time
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ConnectionClosedError, ReadTimeoutError

from localcloud.faults.middleware import Faults
from localcloud.faults.rules import BadRule, Bucket, When, read_rule
from trial import Machine, Trial, refused, until


class Control:
    def __init__(self, trial: Trial) -> None:
        self.base = trial.environment["AWS_ENDPOINT_URL"] + "/_localcloud/"

    def __call__(self, method: str, path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(self.base + path, data, headers, method=method)
        with urllib.request.urlopen(request, timeout=5) as answer:
            return json.load(answer)


@pytest.fixture
def control(cloud: Trial) -> Iterator[Control]:
    control = Control(cloud)
    yield control
    control("DELETE", "rules")


@pytest.mark.slow
def test_before_nothing_happens_and_after_it_has(cloud: Trial, control: Control) -> None:
    words = {"GroupName": "faulty", "Description": "x", "VpcId": cloud.environment["AWS_VPC_ID"]}
    for when, made in (("before", 0), ("after", 1)):
        rule = {"operation": "CreateSecurityGroup", "when": when, "code": "RequestLimitExceeded", "status": 503}
        control("POST", "rules", rule)
        assert refused(cloud.ec2.create_security_group, **words) == "RequestLimitExceeded"
        by_name = [{"Name": "group-name", "Values": ["faulty"]}]
        assert len(cloud.ec2.describe_security_groups(Filters=by_name)["SecurityGroups"]) == made
    assert refused(cloud.ec2.create_security_group, **words) == "InvalidGroup.Duplicate"


@pytest.mark.slow
def test_a_lost_answer_has_made_its_thing(cloud: Trial, control: Control) -> None:
    control("POST", "rules", {"operation": "CreateKeyPair", "when": "drop"})
    with pytest.raises(ConnectionClosedError):
        cloud.ec2.create_key_pair(KeyName="lost")
    assert refused(cloud.ec2.create_key_pair, KeyName="lost") == "InvalidKeyPair.Duplicate"
    ever = control("GET", "resources")["ever"]["key-pair"]
    assert "lost" in {key["name"] for key in ever.values()}


@pytest.mark.slow
def test_a_lost_request_has_made_nothing(cloud: Trial, control: Control) -> None:
    control("POST", "rules", {"operation": "CreateKeyPair", "when": "drop-before"})
    with pytest.raises(ConnectionClosedError):
        cloud.ec2.create_key_pair(KeyName="never")
    cloud.ec2.create_key_pair(KeyName="never")


@pytest.mark.slow
def test_an_sdks_own_retry_finds_its_own_group(cloud: Trial, control: Control) -> None:
    """The client sees: the answer is lost, the SDK asks again, the group is already there."""
    from botocore.config import Config

    patient = cloud.client("ec2", config=Config(retries={"mode": "standard", "total_max_attempts": 3}))
    control("POST", "rules", {"operation": "CreateSecurityGroup", "when": "drop"})
    words = {"GroupName": "retried", "Description": "x", "VpcId": cloud.environment["AWS_VPC_ID"]}
    assert refused(patient.create_security_group, **words) == "InvalidGroup.Duplicate"


@pytest.mark.slow
def test_a_fresh_machine_is_not_found_for_a_while(cloud: Trial, control: Control, yuna: Machine) -> None:
    control("POST", "rules", {"operation": "DescribeInstances", "when": "missing", "times": 2})
    assert refused(cloud.ec2.describe_instances, InstanceIds=[yuna.id]) == "InvalidInstanceID.NotFound"
    by_tag = [{"Name": "tag:Owner", "Values": ["yuna"]}]
    assert cloud.ec2.describe_instances(Filters=by_tag)["Reservations"] == []
    assert yuna.state == "running"


@pytest.mark.slow
def test_a_stale_answer_is_the_one_of_before(cloud: Trial, control: Control) -> None:
    by_name = {"Filters": [{"Name": "group-name", "Values": ["stale"]}]}
    assert cloud.ec2.describe_security_groups(**by_name)["SecurityGroups"] == []
    cloud.group("stale", None)
    control("POST", "rules", {"operation": "ec2:Describe*", "when": "stale"})
    assert cloud.ec2.describe_security_groups(**by_name)["SecurityGroups"] == []
    assert len(cloud.ec2.describe_security_groups(**by_name)["SecurityGroups"]) == 1


@pytest.mark.slow
def test_late_and_never(cloud: Trial, control: Control) -> None:
    control("POST", "rules", {"operation": "DescribeVpcs", "when": "delay", "seconds": 0.3})
    began = time.monotonic()
    cloud.ec2.describe_vpcs()
    assert time.monotonic() - began > 0.3
    from botocore.config import Config

    control("POST", "rules", {"operation": "DescribeVpcs", "when": "hang", "seconds": 1})
    hasty = cloud.client("ec2", config=Config(read_timeout=0.3, retries={"total_max_attempts": 1}))
    with pytest.raises(ReadTimeoutError):
        hasty.describe_vpcs()


def test_a_late_answer_takes_its_seconds_and_not_those_of_making_it_besides() -> None:
    """A key may take a tenth of a second to make, or none: what is measured with such calls would go by that."""

    class Nothing:
        def call(self, *_: Any) -> Any:
            return type("Call", (), {"status": 0, "fault": ""})

        def look(self) -> None: ...

        cloud = type("Cloud", (), {"is_too_new": None})

    def slow(environ: Any, start_response: Any) -> list[bytes]:
        time.sleep(0.5)
        start_response("200 OK", [])
        return [b""]

    faults = Faults(slow, Nothing())  # type: ignore[arg-type]
    faults.rules.append(read_rule({"operation": "*", "when": "delay", "seconds": 1}))
    began = time.monotonic()
    body = b"Action=CreateKeyPair"
    faults({"PATH_INFO": "/", "HTTP_AUTHORIZATION": "", "wsgi.input": io.BytesIO(body)}, lambda *_: None)
    assert 1 <= time.monotonic() - began < 1.4


@pytest.mark.slow
def test_rules_reach_cloudwatch_too_and_the_calls_are_listed(cloud: Trial, control: Control) -> None:
    control("DELETE", "calls")
    control("POST", "rules", {"operation": "monitoring:DescribeAlarms", "when": "before", "code": "Throttling"})
    assert refused(cloud.cloudwatch.describe_alarms) == "Throttling"
    cloud.cloudwatch.describe_alarms()
    calls = control("GET", "calls")
    assert [(c["service"], c["operation"], c["status"], c["fault"]) for c in calls] == [
        ("monitoring", "DescribeAlarms", 500, "before"),
        ("monitoring", "DescribeAlarms", 200, ""),
    ]
    assert control("GET", f"calls?since={calls[0]['number']}") == calls[1:]


def alarm(name: str, instance_id: str) -> dict[str, Any]:
    return {
        "AlarmName": name,
        "Namespace": "AWS/EC2",
        "MetricName": "CPUUtilization",
        "Statistic": "Average",
        "Period": 300,
        "EvaluationPeriods": 6,
        "Threshold": 5,
        "ComparisonOperator": "LessThanThreshold",
        "Dimensions": [{"Name": "InstanceId", "Value": instance_id}],
        "WarmUpConfiguration": {"WarmUpPeriodDurationInMinutes": 2000},
    }


@pytest.mark.slow
def test_a_region_may_ignore_or_refuse_warm_ups(cloud: Trial, control: Control, yuna: Machine) -> None:
    rule = {"operation": "PutMetricAlarm", "parameter": "WarmUpConfiguration", "times": None}
    control("POST", "rules", {**rule, "when": "ignored"})
    cloud.cloudwatch.put_metric_alarm(**alarm("ignored", yuna.id))
    (shown,) = cloud.cloudwatch.describe_alarms(AlarmNames=["ignored"])["MetricAlarms"]
    assert "WarmUpConfiguration" not in shown
    control("DELETE", "rules")
    control("POST", "rules", {**rule, "when": "refused"})
    assert refused(cloud.cloudwatch.put_metric_alarm, **alarm("refused", yuna.id)) == "ValidationError"
    assert cloud.cloudwatch.describe_alarms(AlarmNames=["refused"])["MetricAlarms"] == []
    plain = alarm("refused", yuna.id)
    del plain["WarmUpConfiguration"]
    cloud.cloudwatch.put_metric_alarm(**plain)
    cloud.cloudwatch.delete_alarms(AlarmNames=["ignored", "refused"])


@pytest.mark.slow
def test_a_start_may_be_taken_and_undone(cloud: Trial, control: Control) -> None:
    nari = cloud.machine("nari")
    nari.stop()
    control("POST", "rules", {"operation": "StartInstances", "when": "undone"})
    (started,) = cloud.ec2.start_instances(InstanceIds=[nari.id])["StartingInstances"]
    assert started["CurrentState"]["Name"] == "pending"
    nari.wait_for("stopped")
    assert nari.describe()["StateReason"]["Code"] == "Client.InternalError"
    nari.start()
    control("POST", "rules", {"operation": "RunInstances", "when": "undone", "code": "Client.VolumeLimitExceeded"})
    launched = cloud.ec2.run_instances(**cloud.order("nari", nari.group_id))["Instances"][0]
    failed = Machine(cloud, "nari", launched["InstanceId"], nari.key, nari.group_id)
    failed.wait_for("terminated")
    assert failed.describe()["StateReason"]["Code"] == "Client.VolumeLimitExceeded"
    nari.terminate()


@pytest.mark.slow
def test_what_is_new_is_not_found_by_its_tags_for_a_while(cloud: Trial, control: Control, yuna: Machine) -> None:
    control("POST", "rules", {"operation": "*", "when": "lag", "seconds": 60})
    tags = [{"ResourceType": "security-group", "Tags": [{"Key": "Owner", "Value": "late"}]}]
    words = {"Description": "x", "VpcId": cloud.environment["AWS_VPC_ID"], "TagSpecifications": tags}
    group_id = cloud.ec2.create_security_group(GroupName="late", **words)["GroupId"]
    by_tag = {"Filters": [{"Name": "tag:Owner", "Values": ["late"]}]}
    assert cloud.ec2.describe_security_groups(**by_tag)["SecurityGroups"] == []
    assert cloud.ec2.describe_security_groups(GroupIds=[group_id])["SecurityGroups"]
    until(lambda: cloud.ec2.describe_security_groups(**by_tag)["SecurityGroups"])  # 60 of its seconds are one of ours


@pytest.mark.parametrize(
    "rule",
    [
        {},
        {"operation": "RunInstances"},
        {"operation": "RunInstances", "when": "sometimes"},
        {"operation": "RunInstances", "when": "drop", "times": "two"},
        {"operation": "RunInstances", "when": "drop", "colour": "red"},
        {"operation": "PutMetricAlarm", "when": "ignored"},
        {"operation": "RunInstances", "when": "throttled"},
        {"operation": "RunInstances", "when": "throttled", "at_once": 5, "a_second": 0},
        {"operation": "RunInstances", "when": "throttled", "at_once": True, "a_second": 2},
        {"operation": "RunInstances", "when": "drop", "at_once": 5},
        {"operation": "RunInstances", "when": "throttled", "at_once": 5, "a_second": float("nan")},
        {"operation": "RunInstances", "when": "throttled", "at_once": 10**400, "a_second": 2},
        {"operation": "RunInstances", "when": "hang", "seconds": float("inf")},
    ],
    ids=str,
)
def test_a_rule_that_makes_no_sense_is_refused_by_field(rule: dict) -> None:
    with pytest.raises(BadRule):
        read_rule(rule)


def test_a_bucket_lets_some_through_at_once_and_then_so_many_a_second() -> None:
    bucket = Bucket(at_once=5, a_second=2)
    assert [bucket.takes(100.0) for _ in range(7)] == [True] * 5 + [False] * 2
    assert [bucket.takes(101.0) for _ in range(3)] == [True, True, False]
    assert [bucket.takes(1000.0) for _ in range(6)] == [True] * 5 + [False]


@pytest.mark.slow
def test_what_is_throttled_is_refused_with_ec2s_code_and_makes_nothing(cloud: Trial, control: Control) -> None:
    rule = {"operation": "CreateKeyPair", "when": "throttled", "at_once": 2, "a_second": 0.01}
    control("POST", "rules", rule)
    for name in ("first", "second"):
        cloud.ec2.create_key_pair(KeyName=name)
    assert refused(cloud.ec2.create_key_pair, KeyName="third") == "RequestLimitExceeded"
    assert refused(cloud.ec2.describe_key_pairs, KeyNames=["third"]) == "InvalidKeyPair.NotFound"
    assert control("GET", "rules")[0]["fired"] >= 1


def test_skip_then_times() -> None:
    rule = read_rule({"operation": "Run*", "when": "drop", "skip": 2, "times": 2})
    assert [rule.meets("ec2", "RunInstances", b"") for _ in range(6)] == [False, False, True, True, False, False]


def test_a_seed_repeats_its_luck() -> None:
    words = {"operation": "*", "when": "drop", "probability": 0.5, "times": None, "seed": 7}
    first, second = ([read_rule(words).meets("ec2", "X", b"")] for _ in range(2))
    assert first == second
    rule, twin = read_rule(words), read_rule(words)
    assert [rule.meets("e", "X", b"") for _ in range(50)] == [twin.meets("e", "X", b"") for _ in range(50)]
    assert 10 < rule.fired < 40


def test_a_rule_can_mean_one_machine() -> None:
    rule = read_rule({"operation": "StopInstances", "when": When.BEFORE, "contains": "i-1234"})
    assert not rule.meets("ec2", "StopInstances", b"InstanceId.1=i-9999")
    assert rule.meets("ec2", "StopInstances", b"InstanceId.1=i-1234")
