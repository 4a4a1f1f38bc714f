"""The quotas of a new account, and what EC2 protects and refuses."""

from collections.abc import Iterator
from typing import Any

import pytest

from trial import Machine, Trial, refused

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def new(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trial]:
    options = ("--hurry", "20", "--vcpu-quota", "5", "--alarm-quota", "2")
    trial = Trial(tmp_path_factory.mktemp("new") / "home", options=options).start()
    yield trial
    trial.end()


@pytest.fixture(scope="module")
def minji(new: Trial) -> Machine:
    return new.machine("minji")


def alarm(name: str, instance_id: str, **changes: Any) -> dict[str, Any]:
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
        "AlarmActions": ["arn:aws:automate:ap-northeast-2:ec2:stop"],
        **changes,
    }


def test_two_machines_run_in_a_new_account_and_stopped_ones_do_not_count(new: Trial, minji: Machine) -> None:
    quota = {"ServiceCode": "ec2", "QuotaCode": "L-1216C47A"}
    assert new.client("service-quotas").get_service_quota(**quota)["Quota"]["Value"] == 5
    order = new.order("minji", minji.group_id)
    assert refused(new.ec2.run_instances, **{**order, "InstanceType": "m7i.8xlarge"}) == "VcpuLimitExceeded"
    new.ec2.run_instances(**order)
    assert refused(new.ec2.run_instances, **order) == "VcpuLimitExceeded"
    assert new.ec2.run_instances(**{**order, "InstanceType": "g4dn.xlarge"})["Instances"]
    minji.stop()
    new.ec2.run_instances(**order)
    assert refused(new.ec2.start_instances, InstanceIds=[minji.id]) == "VcpuLimitExceeded"
    assert minji.state == "stopped"


def test_alarms_end_at_their_quota_but_those_that_are_there_may_change(new: Trial, minji: Machine) -> None:
    put = new.cloudwatch.put_metric_alarm
    for name in ("one", "two", "one"):
        put(**alarm(name, minji.id))
    assert refused(put, **alarm("three", minji.id)) == "LimitExceeded"
    new.cloudwatch.delete_alarms(AlarmNames=["two"])
    put(**alarm("three", minji.id, Namespace="Own", MetricName="Sessions"))  # with InstanceId, so it may stop a machine


def test_a_machine_protected_from_stops_is_neither_stopped_nor_terminated(cloud: Trial) -> None:
    haram = cloud.machine("haram", DisableApiStop=True)
    for call in (cloud.ec2.stop_instances, cloud.ec2.terminate_instances):
        assert refused(call, InstanceIds=[haram.id]) == "OperationNotPermitted"
    cloud.cloudwatch.put_metric_alarm(**alarm("harams", haram.id))
    cloud.cloudwatch.set_alarm_state(AlarmName="harams", StateValue="ALARM", StateReason="a test")
    history = cloud.cloudwatch.describe_alarm_history(AlarmName="harams", HistoryItemType="Action")
    assert history["AlarmHistoryItems"][0]["HistorySummary"].startswith("Failed to execute action")
    assert haram.state == "running"
    shown = cloud.ec2.describe_instance_attribute(InstanceId=haram.id, Attribute="disableApiStop")
    assert shown["DisableApiStop"]["Value"] is True
    cloud.ec2.modify_instance_attribute(InstanceId=haram.id, DisableApiStop={"Value": False})
    haram.stop()
    cloud.ec2.modify_instance_attribute(InstanceId=haram.id, DisableApiTermination={"Value": True})
    assert refused(cloud.ec2.terminate_instances, InstanceIds=[haram.id]) == "OperationNotPermitted"
    cloud.ec2.modify_instance_attribute(InstanceId=haram.id, DisableApiTermination={"Value": False})
    haram.terminate()
    cloud.cloudwatch.delete_alarms(AlarmNames=["harams"])
