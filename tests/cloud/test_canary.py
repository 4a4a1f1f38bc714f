"""A check-up puts an alarm that does nothing, reads its warm-up back, and leaves none, whatever happens meanwhile."""

import pytest
from boto3.session import Session

from ondol.cloud.canary import Shown
from ondol.cloud.errors import Refused, Throttled, Unreachable
from ondol.cloud.port import Tag
from ondol.cloud.probes import Probes
from tests.cloud.script import DEPLOYMENT, Refusal, settings

NAME = f"ondol-doctor-{DEPLOYMENT[:8]}"


@pytest.fixture
def probes(script):
    made = Probes(Session("AKIAEXAMPLE", "not-a-secret", region_name="ap-northeast-2"), settings(), DEPLOYMENT)
    made._client = script.cloud._client
    return made


def shown(**alarm):
    return {"MetricAlarms": [{"AlarmName": NAME} | alarm]}


def warm_up(minutes):
    return {"WarmUpConfiguration": {"WarmUpPeriodDurationInMinutes": minutes}}


def test_the_canary_has_no_action_and_one_that_was_left_goes_first(script, probes):
    script.answers["DescribeAlarms"] = [shown(**warm_up(40))]
    assert probes.canary() is Shown.KEPT
    assert script.operations() == ["DeleteAlarms", "PutMetricAlarm", "DescribeAlarms", "DeleteAlarms"]
    asked = script.parameters("PutMetricAlarm")
    assert (asked["AlarmName"], asked["ActionsEnabled"]) == (NAME, False)
    assert not {name for name in asked if name.endswith("Actions")}
    assert asked["WarmUpConfiguration"]["WarmUpPeriodDurationInMinutes"] == 40


def test_the_canary_has_the_tags_that_alarms_of_machines_have(script, probes):
    """An account may demand those of the settings."""
    probes._config = settings(ONDOL_TAGS="CostCenter=4711")
    script.answers["DescribeAlarms"] = [shown(**warm_up(40))]
    probes.canary()
    tags = {tag["Key"]: tag["Value"] for tag in script.parameters("PutMetricAlarm")["Tags"]}
    assert tags["CostCenter"] == "4711"
    assert set(tags) == {"CostCenter", *Tag}


def test_no_sweep_takes_the_canary_for_an_alarm_of_a_machine(script, probes):
    script.answers["DescribeAlarms"] = [shown(**warm_up(40))]
    probes.canary()
    put = script.parameters("PutMetricAlarm")
    script.answers["DescribeAlarms"] = [{"MetricAlarms": [put]}, {"MetricAlarms": [put]}]
    assert script.cloud.alarms() == []
    assert not probes.has_alarms()


@pytest.mark.parametrize(
    ("put", "look", "said"),
    [
        ({}, shown(), Shown.IGNORED),
        ({}, shown(**warm_up(0)), Shown.IGNORED),
        (Refusal("ValidationError"), {}, Shown.REFUSED),
    ],
)
def test_what_is_said_where_warm_ups_are_not_kept(script, probes, put, look, said):
    script.answers |= {"PutMetricAlarm": [put], "DescribeAlarms": [look]}
    assert probes.canary() is said
    assert script.operations()[-1] == "DeleteAlarms"


def test_a_canary_that_is_shown_late_is_waited_for(script, probes):
    script.answers["DescribeAlarms"] = [{"MetricAlarms": []}, shown(**warm_up(40))]
    assert probes.canary() is Shown.KEPT


@pytest.mark.parametrize(
    ("refusal", "error"),
    [(Refusal("AccessDenied", http_status=403), Refused), (Refusal("Throttling"), Throttled),
     (Refusal("InternalFailure", http_status=500), Unreachable)],
)  # fmt: skip
def test_an_error_is_told_and_the_canary_is_gone_all_the_same(script, probes, refusal, error):
    script.answers["PutMetricAlarm"] = [refusal] * 5
    with pytest.raises(error):
        probes.canary()
    assert script.operations()[-1] == "DeleteAlarms"
