"""Alarms over the wire, on a clock that runs sixty times as fast: a minute is a second here."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from trial import Machine, Trial, refused, until

pytestmark = pytest.mark.slow


def settings(machine_id: str, name: str, **changes: Any) -> dict[str, Any]:
    return {
        "AlarmName": name,
        "Namespace": "AWS/EC2",
        "MetricName": "CPUUtilization",
        "Statistic": "Average",
        "Period": 300,
        "EvaluationPeriods": 6,
        "Threshold": 5,
        "ComparisonOperator": "LessThanThreshold",
        "TreatMissingData": "missing",
        "Dimensions": [{"Name": "InstanceId", "Value": machine_id}],
        "AlarmActions": ["arn:aws:automate:ap-northeast-2:ec2:stop"],
        **changes,
    }


def shown(cloud: Trial, name: str) -> dict[str, Any]:
    (alarm,) = cloud.cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"]
    return dict(alarm)


def history(cloud: Trial, name: str, kind: str) -> list[dict[str, Any]]:
    found = cloud.cloudwatch.describe_alarm_history(AlarmName=name, HistoryItemType=kind)
    return list(found["AlarmHistoryItems"])


def cpu(cloud: Trial, machine: Machine) -> list[float]:
    """Return the CPU, newest first."""
    launch = machine.describe()["LaunchTime"]
    metric = {
        "Namespace": "AWS/EC2",
        "MetricName": "CPUUtilization",
        "Dimensions": [{"Name": "InstanceId", "Value": machine.id}],
    }
    query = {"Id": "cpu", "MetricStat": {"Metric": metric, "Period": 300, "Stat": "Average"}}
    start, end = launch - timedelta(hours=1), launch + timedelta(days=1)
    (found,) = cloud.cloudwatch.get_metric_data(MetricDataQueries=[query], StartTime=start, EndTime=end)[
        "MetricDataResults"
    ]
    return list(found["Values"])


def test_a_new_alarm_knows_nothing_yet_and_shows_what_was_put(cloud: Trial, yuna: Machine) -> None:
    warm_up = {"WarmUpPeriodDurationInMinutes": 2000, "OnlyStartEvaluatingAfterWarmUpPeriodEnds": True}
    cloud.cloudwatch.put_metric_alarm(**settings(yuna.id, "new", WarmUpConfiguration=warm_up))
    alarm = shown(cloud, "new")
    assert alarm["StateValue"] == "INSUFFICIENT_DATA"
    assert alarm["StateReason"] == "Unchecked: Initial alarm creation"
    assert alarm["WarmUpConfiguration"] == warm_up
    assert (alarm["Threshold"], alarm["ActionsEnabled"]) == (5.0, True)
    (created,) = history(cloud, "new", "ConfigurationUpdate")
    assert json.loads(created["HistoryData"])["type"] == "Create"


@pytest.mark.parametrize(
    ("code", "changes"),
    [
        ("ValidationError", {"Period": 7}),
        ("ValidationError", {"AlarmActions": ["arn:stop-it"]}),
        ("ValidationError", {"AlarmActions": ["arn:aws:automate:us-east-1:ec2:stop"]}),
        ("ValidationError", {"Dimensions": []}),
        ("ValidationError", {"DatapointsToAlarm": 7}),
        ("ValidationError", {"EvaluationPeriods": 500}),
        ("ValidationError", {"ComparisonOperator": "Less"}),
        ("ValidationError", {"WarmUpConfiguration": {"WarmUpPeriodDurationInMinutes": 2881}}),
    ],
    ids=str,
)
def test_refused_settings(cloud: Trial, yuna: Machine, code: str, changes: dict) -> None:
    assert refused(cloud.cloudwatch.put_metric_alarm, **settings(yuna.id, "wrong", **changes)) == code


def test_nobody_writes_metrics_of_aws(cloud: Trial) -> None:
    data = [{"MetricName": "CPUUtilization", "Value": 100.0}]
    words = {"Namespace": "AWS/EC2", "MetricData": data}
    assert refused(cloud.cloudwatch.put_metric_data, **words) == "InvalidParameterValue"


def test_alarms_come_in_pages_and_by_prefix(cloud: Trial, yuna: Machine) -> None:
    for number in range(5):
        cloud.cloudwatch.put_metric_alarm(**settings(yuna.id, f"many-{number}", AlarmActions=[]))
    pages = cloud.cloudwatch.get_paginator("describe_alarms").paginate(
        AlarmNamePrefix="many-", PaginationConfig={"PageSize": 2}
    )
    names = [[alarm["AlarmName"] for alarm in page["MetricAlarms"]] for page in pages]
    assert names == [["many-0", "many-1"], ["many-2", "many-3"], ["many-4"]]
    cloud.cloudwatch.delete_alarms(AlarmNames=["unknown", *(f"many-{number}" for number in range(5))])
    assert cloud.cloudwatch.describe_alarms(AlarmNamePrefix="many-")["MetricAlarms"] == []


def test_setting_a_state_acts_once_and_only_on_a_change(cloud: Trial) -> None:
    hana = cloud.machine("hana")
    warm_up = {"WarmUpPeriodDurationInMinutes": 2000, "OnlyStartEvaluatingAfterWarmUpPeriodEnds": True}
    cloud.cloudwatch.put_metric_alarm(**settings(hana.id, "hanas", WarmUpConfiguration=warm_up))
    words = {"AlarmName": "hanas", "StateValue": "ALARM", "StateReason": "a test"}
    cloud.cloudwatch.disable_alarm_actions(AlarmNames=["hanas"])
    cloud.cloudwatch.set_alarm_state(**words)
    assert hana.state == "running"
    cloud.cloudwatch.enable_alarm_actions(AlarmNames=["hanas"])
    cloud.cloudwatch.set_alarm_state(**words)  # already is
    assert hana.state == "running"
    cloud.cloudwatch.set_alarm_state(**{**words, "StateValue": "OK"})
    cloud.cloudwatch.set_alarm_state(**words)
    assert hana.state in ("stopping", "stopped")
    (acted,) = history(cloud, "hanas", "Action")
    assert acted["HistorySummary"].startswith("Successfully executed action arn:aws:automate:")
    hana.wait_for("stopped")
    assert hana.describe()["StateReason"]["Code"] == "Client.UserInitiatedShutdown"
    hana.terminate()
    assert refused(cloud.cloudwatch.set_alarm_state, **{**words, "AlarmName": "nobodys"}) == "ResourceNotFound"


@pytest.fixture
def hasty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trial]:
    """Run a cloud in which five minutes pass in a second."""
    trial = Trial(tmp_path_factory.mktemp("hasty") / "home", speed=300).start()
    yield trial
    trial.end()


def test_work_keeps_a_machine_and_idleness_stops_it(hasty: Trial) -> None:
    """Run the whole story in short: two periods of five minutes instead of six, a warm-up of eight minutes."""
    cloud, sora = hasty, hasty.machine("sora")
    loop = sora.background("timeout 4 sh -c 'while :; do :; done'")
    warm_up = {"WarmUpPeriodDurationInMinutes": 8, "OnlyStartEvaluatingAfterWarmUpPeriodEnds": True}
    story = {"Period": 300, "EvaluationPeriods": 2, "DatapointsToAlarm": 2, "WarmUpConfiguration": warm_up}
    cloud.cloudwatch.put_metric_alarm(**settings(sora.id, "soras", **story))
    until(lambda: shown(cloud, "soras")["StateValue"] == "OK", 15)
    loop.communicate()
    assert 6 < max(cpu(cloud, sora)) < 58  # one of two processors, if nobody else wants it
    until(lambda: shown(cloud, "soras")["StateValue"] == "ALARM", 30)
    assert "less than the threshold (5.0)" in shown(cloud, "soras")["StateReason"]
    sora.wait_for("stopped")
    moves = [item["HistorySummary"] for item in history(cloud, "soras", "StateUpdate")]
    assert moves == ["Alarm updated from OK to ALARM", "Alarm updated from INSUFFICIENT_DATA to OK"]
    cloud.cloudwatch.delete_alarms(AlarmNames=["soras"])
    assert len(history(cloud, "soras", "Action")) == 1  # it outlives the alarm
    statistics = cloud.cloudwatch.get_metric_statistics(
        Namespace="AWS/EC2",
        MetricName="CPUUtilization",
        Dimensions=[{"Name": "InstanceId", "Value": sora.id}],
        StartTime=sora.describe()["LaunchTime"] - timedelta(hours=1),
        EndTime=sora.describe()["LaunchTime"] + timedelta(hours=5),
        Period=300,
        Statistics=["Average", "Maximum", "SampleCount"],
    )["Datapoints"]
    assert {point["Unit"] for point in statistics} == {"Percent"}
    sora.terminate()
