"""What an alarm does to a machine. In AWS the service-linked role would do it; the result looks the same.

A machine that an alarm stops shows `User initiated` like one that its owner stopped: only DescribeAlarmHistory tells.
"""

from localcloud.cloud import Cloud
from localcloud.cloudwatch.alarms import Alarm
from localcloud.cloudwatch.requests import EC2_ACTION
from localcloud.ec2.states import Refused


class Actions:
    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud

    def __call__(self, arn: str, alarm: Alarm) -> str | None:
        """Return what went wrong, for the history. The caller holds the cloud's lock."""
        found = EC2_ACTION.fullmatch(arn)
        if not found:
            return "this trial cloud has no service behind this action"
        machine = self.cloud.region.machine(alarm.dimensions.get("InstanceId", ""))
        if machine is None:
            return "The instance does not exist"
        if found["verb"] == "recover":
            return "Recovery is not needed: this trial cloud has no failing hardware"
        protected = {
            "stop": machine.disable_api_stop,
            "terminate": machine.disable_api_termination or machine.disable_api_stop,
        }
        if protected.get(found["verb"]):
            return f"OperationNotPermitted: '{machine.id}' is protected from this action ({found['verb']})"
        try:
            self.cloud.ask(found["verb"], machine)
        except Refused as refusal:
            return str(refusal)
        return None
