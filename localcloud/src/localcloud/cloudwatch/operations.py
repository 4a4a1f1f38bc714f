"""CloudWatch's calls. moto reads the request, in CBOR, JSON or XML, and writes the answer; the rest is here."""

from typing import Any

from moto.cloudwatch.responses import CloudWatchResponse
from moto.core.responses import ActionResult, EmptyResult

from localcloud.clock import moment
from localcloud.cloudwatch.alarms import Alarm, Alarms
from localcloud.cloudwatch.history import History
from localcloud.cloudwatch.readings import Readings
from localcloud.cloudwatch.requests import check_alarm, invalid
from localcloud.errors import AwsError
from localcloud.pages import cut
from localcloud.service import Service

STATES = ("OK", "ALARM", "INSUFFICIENT_DATA")


class CloudWatch(Readings, History, Service, CloudWatchResponse):
    alarms: Alarms

    def put_metric_alarm(self) -> ActionResult:
        identity, now = self.cloud.identity, self.cloud.clock.now()
        settings = check_alarm(plain(self.params), identity.region)
        name = settings["AlarmName"]
        if name not in self.alarms.known:
            self.cloud.quotas.check_alarms(len(self.alarms.known))
        arn = f"arn:aws:cloudwatch:{identity.region}:{identity.account_id}:alarm:{name}"
        tags = tags_in(self.params)
        self.alarms.put(Alarm(name, arn, settings, created=now, configured=now, tags=tags), now)
        if (
            any(":ec2:" in action for action in settings.get("AlarmActions") or [])
            and not self.cloud.region.has_events_role
        ):
            self.cloud.region.has_events_role = True  # as Amazon does, with the first alarm that acts on a machine
            self.cloud.touch()
        return EmptyResult()

    def describe_alarms(self) -> ActionResult:
        names = self._get_param("AlarmNames", [])
        if len(names) > 100:
            raise invalid("AlarmNames can have up to 100 names")
        kinds = self._get_param("AlarmTypes", [])
        found = [a for a in self._sorted() if self._is_meant(a, names)] if not kinds or "MetricAlarm" in kinds else []
        shown, token = cut(found, int(self._get_param("MaxRecords") or 50), self._get_param("NextToken"))
        return ActionResult({"MetricAlarms": [show(a) for a in shown], "CompositeAlarms": [], "NextToken": token})

    def _sorted(self) -> list[Alarm]:
        return sorted(self.alarms.known.values(), key=lambda alarm: alarm.name)

    def _is_meant(self, alarm: Alarm, names: list[str]) -> bool:
        prefix = self._get_param("AlarmNamePrefix") or ""
        action = self._get_param("ActionPrefix") or ""
        state = self._get_param("StateValue")
        actions = [arn for value in STATES for arn in alarm.actions_for(value)]
        return (
            (not names or alarm.name in names)
            and alarm.name.startswith(prefix)
            and (not action or any(arn.startswith(action) for arn in actions))
            and (not state or alarm.state == state)
        )

    def describe_alarms_for_metric(self) -> ActionResult:
        wanted = (self._get_param("Namespace"), self._get_param("MetricName"))
        dimensions = {one["Name"]: one["Value"] for one in self._get_param("Dimensions", [])}
        found = [
            alarm
            for alarm in self._sorted()
            if (alarm.settings["Namespace"], alarm.settings["MetricName"]) == wanted and alarm.dimensions == dimensions
        ]
        return ActionResult({"MetricAlarms": [show(alarm) for alarm in found]})

    def delete_alarms(self) -> ActionResult:
        names = self._get_param("AlarmNames", [])
        if len(names) > 100:
            raise invalid("AlarmNames can have up to 100 names")
        self.alarms.delete(names, self.cloud.clock.now())
        return EmptyResult()

    def enable_alarm_actions(self) -> ActionResult:
        self.alarms.switch(self._get_param("AlarmNames", []), True, self.cloud.clock.now())
        return EmptyResult()

    def disable_alarm_actions(self) -> ActionResult:
        self.alarms.switch(self._get_param("AlarmNames", []), False, self.cloud.clock.now())
        return EmptyResult()

    def set_alarm_state(self) -> ActionResult:
        """Set a state to test actions: the next evaluation, a minute later at most, restores the state of the
        metric."""
        alarm = self._known(self._get_param("AlarmName"))
        state = self._get_param("StateValue")
        if state not in STATES:
            raise AwsError("ValidationError", f"Value '{state}' at 'stateValue' must be one of {', '.join(STATES)}")
        data = self._get_param("StateReasonData") or ""
        self.alarms.move(alarm, state, self._get_param("StateReason") or "", data, self.cloud.clock.now())
        return EmptyResult()

    def _known(self, name: str) -> Alarm:
        alarm = self.alarms.known.get(name)
        if alarm is None:
            raise AwsError("ResourceNotFound", f"Alarm {name} does not exist")
        return alarm

    def list_tags_for_resource(self) -> ActionResult:
        tags = self._by_arn().tags
        return ActionResult({"Tags": [{"Key": key, "Value": value} for key, value in tags.items()]})

    def tag_resource(self) -> ActionResult:
        alarm = self._by_arn()
        alarm.tags.update(tags_in(self.params))
        self.alarms.keep(alarm)
        return EmptyResult()

    def untag_resource(self) -> ActionResult:
        alarm = self._by_arn()
        for key in self._get_param("TagKeys", []):
            alarm.tags.pop(key, None)
        self.alarms.keep(alarm)
        return EmptyResult()

    def _by_arn(self) -> Alarm:
        arn = self._get_param("ResourceARN") or ""
        alarm = next((one for one in self.alarms.known.values() if one.arn == arn), None)
        if alarm is None:
            raise AwsError("ResourceNotFoundException", f"Unknown resource {arn}")
        return alarm


def show(alarm: Alarm) -> dict[str, Any]:
    """Return an alarm as DescribeAlarms shows it: the settings as they were put, with AWS's defaults."""
    shown = {
        "ActionsEnabled": True,
        "OKActions": [],
        "AlarmActions": [],
        "InsufficientDataActions": [],
        "Dimensions": [],
        **alarm.settings,
        "AlarmArn": alarm.arn,
        "AlarmConfigurationUpdatedTimestamp": moment(alarm.configured),
        "StateValue": str(alarm.state),
        "StateReason": alarm.reason,
        "StateUpdatedTimestamp": moment(alarm.updated),
        "StateTransitionedTimestamp": moment(alarm.transitioned),
    }
    if alarm.reason_data:
        shown["StateReasonData"] = alarm.reason_data
    return shown


def tags_in(params: Any) -> dict[str, str]:
    """Return the tags of a request. Raises for keys that are AWS's own."""
    tags = {str(one["Key"]): str(one["Value"]) for one in params.get("Tags") or []}
    if any(key.lower().startswith("aws:") for key in tags):
        raise invalid("aws: prefixed tag key names are not allowed for external use.")
    return tags


def plain(value: Any) -> Any:
    """Return plain dicts and lists, so that settings can be written as JSON."""
    if isinstance(value, dict) or hasattr(value, "items"):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value
