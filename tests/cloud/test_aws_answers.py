"""What Amazon's answers mean."""

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from ondol.cloud.port import AlarmStop, IdleRule, InstanceState, Reading
from tests.cloud.script import DEPLOYMENT, Script

SEOUL = timezone(timedelta(hours=9))
STOP = "arn:aws:automate:ap-northeast-2:ec2:stop"
NOON = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)


# --- a machine -------------------------------------------------------------------------------------------------------
def test_a_machine_as_describe_instances_shows_it(script):
    script.answers["DescribeInstances"] = [{"Reservations": [{"Instances": [{
        "InstanceId": "i-1", "State": {"Name": "stopped", "Code": 80}, "ClientToken": "token-1", "ImageId": "ami-1",
        "InstanceType": "t3.small", "KeyName": "ondol-row-1", "PrivateIpAddress": "10.20.0.4",
        "LaunchTime": datetime(2026, 1, 5, 21, 0, tzinfo=SEOUL),
        "StateReason": {"Code": "Client.UserInitiatedShutdown", "Message": "…"},
        "NetworkInterfaces": [{"NetworkInterfaceId": "eni-1", "Ipv6Addresses": [{"Ipv6Address": "2001:db8:0:14::4"}]}],
        "Tags": [{"Key": "OndolId", "Value": "row-1"}, {"Key": "Name", "Value": "ondol-alice"}],
    }]}]}]  # fmt: skip
    (server,) = script.cloud.ec2_instances()
    assert (server.instance_id, server.state, server.row) == ("i-1", InstanceState.STOPPED, "row-1")
    assert (server.client_token, server.image_id, server.key_name) == ("token-1", "ami-1", "ondol-row-1")
    assert (server.public_ip, server.private_ip) == (None, "10.20.0.4")
    assert server.ipv6_address == "2001:db8:0:14::4"
    assert server.reason_code == "Client.UserInitiatedShutdown"
    assert server.launched_at == NOON
    assert server.launched_at.tzinfo is UTC


# --- an alarm --------------------------------------------------------------------------------------------------------
def an_alarm(**changed: Any) -> dict[str, Any]:
    alarm = {
        "AlarmName": "ondol-row-1",
        "AlarmDescription": f"Ondol {DEPLOYMENT}: stops i-1 when it is idle",
        "Namespace": "AWS/EC2", "MetricName": "CPUUtilization", "Statistic": "Average", "Period": 300,
        "Dimensions": [{"Name": "InstanceId", "Value": "i-1"}],
        "ComparisonOperator": "LessThanThreshold", "Threshold": 5.0, "EvaluationPeriods": 6,
        "TreatMissingData": "missing", "ActionsEnabled": True, "AlarmActions": [STOP],
        "OKActions": [], "InsufficientDataActions": [], "StateValue": "OK",
        "WarmUpConfiguration": {"WarmUpPeriodDurationInMinutes": 40, "OnlyStartEvaluatingAfterWarmUpPeriodEnds": True},
        "AlarmConfigurationUpdatedTimestamp": NOON,
    }  # fmt: skip
    return alarm | changed


def test_a_sound_alarm(script):
    script.answers["DescribeAlarms"] = [{"MetricAlarms": [an_alarm(DatapointsToAlarm=6)]}]
    (alarm,) = script.cloud.alarms(["ondol-row-1"])
    assert (alarm.name, alarm.instance_id, alarm.state, alarm.is_sound) == ("ondol-row-1", "i-1", "OK", True)
    assert (alarm.rule, alarm.warm_up_minutes, alarm.configured_at) == (IdleRule(30, 5.0), 40, NOON)


@pytest.mark.parametrize("is_muted", [True, False])
def test_an_alarm_whose_actions_are_off_is_sound_and_muted(script, is_muted):
    script.answers["DescribeAlarms"] = [{"MetricAlarms": [an_alarm(ActionsEnabled=not is_muted)]}]
    (alarm,) = script.cloud.alarms(["ondol-row-1"])
    assert (alarm.is_sound, alarm.is_muted) == (True, is_muted)


def test_an_alarm_may_leave_out_what_goes_without_saying(script):
    shown = an_alarm()
    del shown["TreatMissingData"], shown["ActionsEnabled"]
    script.answers["DescribeAlarms"] = [{"MetricAlarms": [shown]}]
    (alarm,) = script.cloud.alarms(["ondol-row-1"])
    assert alarm.is_sound


@pytest.mark.parametrize(
    "changed",
    [
        {"AlarmActions": []},
        {"AlarmActions": ["arn:aws:automate:ap-northeast-2:ec2:terminate"]},
        {"MetricName": "NetworkIn"},
        {"Dimensions": []},
        {"Dimensions": [{"Name": "AutoScalingGroupName", "Value": "a"}]},
        {"Statistic": "Maximum"},
        {"ComparisonOperator": "GreaterThanThreshold"},
        {"TreatMissingData": "breaching"},
        {"DatapointsToAlarm": 1},
        {"Period": 60},
    ],
)
def test_an_alarm_that_somebody_has_changed_is_not_sound(script, changed):
    script.answers["DescribeAlarms"] = [{"MetricAlarms": [an_alarm(**changed)]}]
    (alarm,) = script.cloud.alarms(["ondol-row-1"])
    assert not alarm.is_sound


@pytest.mark.parametrize("description", ["", "Ondol next-door: stops i-1 when it is idle", "CPU too low"])
def test_another_deployments_alarm_is_not_ours(script, description):
    script.answers["DescribeAlarms"] = [{"MetricAlarms": [an_alarm(AlarmDescription=description)]}]
    assert script.cloud.alarms() == []


# --- what it did -----------------------------------------------------------------------------------------------------
def test_readings_come_by_machine_and_in_order_however_many_pages(script):
    def page(token, **found):
        results = [
            {
                "Id": name,
                "StatusCode": "Complete",
                "Timestamps": [NOON + timedelta(minutes=5 * n) for n, _ in values],
                "Values": [value for _, value in values],
            }
            for name, values in found.items()
        ]
        return {"MetricDataResults": results} | ({"NextToken": token} if token else {})

    script.answers["GetMetricData"] = [
        page("more", m0=[(2, 3.5), (3, 0.25)], m1=[(2, 6e8)], m3=[(9, 1.0)]),
        page("", m0=[(1, 90.0)], m4=[(1, 2e6)], m6=[(1, 5.0)]),
    ]
    told = script.cloud.readings(["i-2", "i-1"], NOON, NOON + timedelta(hours=1))
    at = [NOON + timedelta(minutes=5 * n) for n in range(4)]
    assert told == {
        "i-1": [
            Reading(at[1], 90.0, disk_written=2_000_000),
            Reading(at[2], 3.5, network_in=600_000_000),
            Reading(at[3], 0.25),
        ]
    }, "what has no CPU yet is left out"
    asked = [query["MetricStat"] for query in script.asked[0][1]["MetricDataQueries"]]
    assert [stat["Metric"]["Dimensions"][0]["Value"] for stat in asked] == ["i-1"] * 5 + ["i-2"] * 5
    assert {stat["Period"] for stat in asked} == {300}
    assert [(stat["Metric"]["MetricName"], stat["Stat"]) for stat in asked[:5]] == [
        ("CPUUtilization", "Average"),
        ("NetworkIn", "Sum"),
        ("NetworkOut", "Sum"),
        ("EBSReadBytes", "Sum"),
        ("EBSWriteBytes", "Sum"),
    ]


def test_credits_of_burstable_machines_come_in_the_same_call(script):
    def result(name, value):
        return {"Id": name, "Label": "", "StatusCode": "Complete", "Timestamps": [NOON], "Values": [value]}

    results = [result("m0", 20.0), result("m5", 0.3), result("m6", 90.0)]
    script.answers["GetMetricData"] = [{"MetricDataResults": results}]
    told = script.cloud.readings(["i-1", "i-2"], NOON, NOON + timedelta(hours=1), ["i-1"])
    assert told == {"i-1": [Reading(NOON, 20.0, credits=0.3)], "i-2": [Reading(NOON, 90.0)]}
    asked = script.asked[0][1]["MetricDataQueries"]
    metrics = [query["MetricStat"]["Metric"]["MetricName"] for query in asked]
    assert (metrics.count("CPUUtilization"), metrics.count("CPUCreditBalance")) == (2, 1)


def test_83_machines_are_one_call_and_one_more_are_two(script):
    script.answers["GetMetricData"] = [{"MetricDataResults": []}, {"MetricDataResults": []}]
    script.cloud.readings([f"i-{n}" for n in range(84)], NOON, NOON + timedelta(hours=1))
    assert script.answers["GetMetricData"] == []
    assert [len(asked["MetricDataQueries"]) for _, asked in script.asked] == [415, 5]


# --- who stopped it --------------------------------------------------------------------------------------------------
def item(minutes: int, data: dict[str, Any] | str, summary: str = f"Successfully executed action {STOP}") -> dict:
    text = data if isinstance(data, str) else json.dumps(data)
    at = NOON + timedelta(minutes=minutes)
    return {
        "AlarmName": "a",
        "Timestamp": at,
        "HistoryItemType": "Action",
        "HistoryData": text,
        "HistorySummary": summary,
    }


DONE = {"actionState": "Succeeded", "notificationResource": STOP}


def stopped_at(script: Script, *items: dict[str, Any], since: datetime = NOON) -> datetime | None:
    script.answers["DescribeAlarmHistory"] = [{"AlarmHistoryItems": list(items)}]
    stop = script.cloud.stopped_by_alarm("ondol-row-1", since)
    return stop.at if stop else None


def test_the_last_stop_counts(script):
    assert stopped_at(script, item(9, DONE), item(5, DONE)) == NOON + timedelta(minutes=9)
    assert script.parameters("DescribeAlarmHistory") == {
        "AlarmName": "ondol-row-1",
        "StartDate": NOON,
    }


def state_update(minutes: int, state: str, **data: Any) -> dict[str, Any]:
    """Return an item as AWS shows it: the values are in the new state's data."""
    new = {"stateValue": state, "stateReason": "Threshold Crossed: …", "stateReasonData": {"period": 300, **data}}
    update = item(minutes, {"version": "1.0", "oldState": {"stateValue": "OK"}, "newState": new})
    return update | {"HistoryItemType": "StateUpdate", "HistorySummary": f"Alarm updated from OK to {state}"}


def test_what_the_alarm_judged_by_is_told_with_its_stop(script):
    items = [
        item(9, DONE),
        state_update(9, "ALARM", recentDatapoints=[1, 0.5, 2.25], threshold=5.0),
        state_update(7, "OK", recentDatapoints=[80.0], threshold=5.0),
        state_update(5, "ALARM", recentDatapoints=[3.0], threshold=7.0),
    ]
    script.answers["DescribeAlarmHistory"] = [{"AlarmHistoryItems": items}]
    stop = script.cloud.stopped_by_alarm("ondol-row-1", NOON)
    assert stop == AlarmStop(NOON + timedelta(minutes=9), (1.0, 0.5, 2.25), 5.0)


@pytest.mark.parametrize("verdict", [[], [state_update(9, "OK", recentDatapoints=[80.0])], [item(9, "[]", "")]])
def test_a_stop_is_told_without_values_where_aws_has_none(script, verdict):
    script.answers["DescribeAlarmHistory"] = [{"AlarmHistoryItems": [item(9, DONE), *verdict]}]
    assert script.cloud.stopped_by_alarm("ondol-row-1", NOON) == AlarmStop(NOON + timedelta(minutes=9))


def test_the_summary_counts_where_the_data_say_nothing(script):
    assert stopped_at(script, item(9, "")) == NOON + timedelta(minutes=9)
    assert stopped_at(script, item(9, "{")) == NOON + timedelta(minutes=9)


@pytest.mark.parametrize(
    "other",
    [
        item(9, {"actionState": "Failed", "notificationResource": STOP}, f"Failed to execute action {STOP}"),
        item(9, {"actionState": "InProgress", "notificationResource": STOP}),
        item(9, "", f"Failed to execute action {STOP}. Received error: …"),
        item(
            9,
            DONE | {"notificationResource": "arn:aws:sns:ap-northeast-2:1:a"},
            "Successfully executed action arn:aws:sns:ap-northeast-2:1:a",
        ),
        item(0, DONE),
        item(-5, DONE),
    ],
)
def test_anything_else_in_the_history_is_no_stop_of_this_run(script, other):
    assert stopped_at(script, other) is None
