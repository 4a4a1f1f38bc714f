"""Conversion of our requests and AWS's answers between AWS's words and the port's. Pure; `aws.py` sends them."""

import json
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Any

from ondol.cloud import ingress
from ondol.cloud.port import (
    Alarm,
    AlarmStop,
    Ec2Instance,
    Found,
    IdleRule,
    InstanceState,
    Kind,
    LaunchSpec,
    Reading,
    Tag,
)
from ondol.ec2_types import facts_of
from ondol.regions import partition

PERIOD = 300
"""The seconds of a period.

Basic monitoring has a datapoint every five minutes; a shorter period would only cost money.
"""
_DEFAULTS: dict[str, Any] = {"TreatMissingData": "missing", "ActionsEnabled": True}
"""Defaults that DescribeAlarms may leave out."""
_MUST_BE_EMPTY = ("Unit", "Metrics", "ExtendedStatistic", "ThresholdMetricId", "OKActions", "InsufficientDataActions")
"""Fields that our alarms leave empty.

With a unit there is never data; another metric or action was set by somebody else.
"""


def tag_list(tags: Mapping[str, str]) -> list[Any]:
    """Return tags as AWS takes them, sorted: under one client token every request must be the same."""
    return [{"Key": str(key), "Value": value} for key, value in sorted(tags.items())]


def tagged(tags: Mapping[str, str], *kinds: str) -> list[Any]:
    """Return TagSpecifications: each kind of resource needs its own tags, none inherits them."""
    return [{"ResourceType": kind, "Tags": tag_list(tags)} for kind in kinds]


def run_instances(spec: LaunchSpec, subnet_id: str, tags: Mapping[str, str]) -> dict[str, Any]:
    """Return the parameters of RunInstances, all but the client token."""
    disk = {"VolumeSize": spec.volume_gib, "VolumeType": "gp3", "Encrypted": True, "DeleteOnTermination": True}
    # Subnet and group belong in here: AWS refuses them outside if there is a network interface.
    interface = {
        "DeviceIndex": 0,
        "SubnetId": subnet_id,
        "Groups": [spec.group_id],
        "AssociatePublicIpAddress": True,
        "DeleteOnTermination": True,
    }
    request = {
        "MinCount": 1,
        "MaxCount": 1,
        "ImageId": spec.image.image_id,
        "InstanceType": spec.instance_type,
        "KeyName": spec.key_name,
        "NetworkInterfaces": [interface],
        "BlockDeviceMappings": [{"DeviceName": spec.image.root_device, "Ebs": disk}],
        # One hop: containers on the machine, and forwarded traffic, must not reach the metadata service.
        "MetadataOptions": {"HttpTokens": "required", "HttpEndpoint": "enabled", "HttpPutResponseHopLimit": 1},
        # With `terminate`, `sudo poweroff` would delete the disk.
        "InstanceInitiatedShutdownBehavior": "stop",
        "TagSpecifications": tagged(tags, "instance", "volume", "network-interface"),
    }
    if facts_of(spec.instance_type).is_burstable:
        # T3 is `unlimited` otherwise: surplus credits may cost three times the list price.
        request["CreditSpecification"] = {"CpuCredits": credit_mode(unlimited=spec.unlimited)}
    return request


def credit_mode(*, unlimited: bool) -> Any:
    """Return EC2's word for a credit mode."""
    return "unlimited" if unlimited else "standard"


def tags(shown: Mapping[str, Any]) -> dict[str, str]:
    """Return the tags of any EC2 resource."""
    return {tag["Key"]: tag["Value"] for tag in shown.get("Tags", [])}


def volume(shown: Mapping[str, Any]) -> Found:
    """Return a volume of DescribeVolumes."""
    is_attached = shown.get("State") != "available"
    row = tags(shown).get(Tag.ROW, "")
    its_tags = _tags_of(shown, shown["VolumeId"])
    return Found(Kind.VOLUME, shown["VolumeId"], row, in_use=is_attached, gib=int(shown["Size"]), **its_tags)


def key(shown: Mapping[str, Any]) -> Found:
    """Return a key pair of DescribeKeyPairs."""
    its_tags = _tags_of(shown, shown.get("KeyPairId", ""))
    return Found(Kind.KEY, shown["KeyName"], tags(shown).get(Tag.ROW, ""), **its_tags)


def _tags_of(shown: Mapping[str, Any], tag_id: str) -> dict[str, Any]:
    return {"tags": tags(shown), "tag_ids": (tag_id,) if tag_id else ()}


def group(shown: Mapping[str, Any]) -> Found:
    """Return a group of DescribeSecurityGroups."""
    cidrs = map(str, ingress.shown(shown.get("IpPermissions", [])))
    its_tags = _tags_of(shown, shown["GroupId"])
    return Found(Kind.GROUP, shown["GroupId"], tags(shown).get(Tag.ROW, ""), cidrs=frozenset(cidrs), **its_tags)


def ec2_instance(shown: Mapping[str, Any]) -> Ec2Instance:
    """Return an instance of DescribeInstances or RunInstances."""
    return Ec2Instance(
        instance_id=shown["InstanceId"],
        state=InstanceState(shown["State"]["Name"]),
        row=tags(shown).get(Tag.ROW, ""),
        client_token=shown.get("ClientToken", ""),
        instance_type=shown.get("InstanceType", ""),
        image_id=shown.get("ImageId", ""),
        key_name=shown.get("KeyName", ""),
        public_ip=shown.get("PublicIpAddress") or None,
        private_ip=shown.get("PrivateIpAddress") or None,
        ipv6_address=_ipv6_address(shown),
        launched_at=utc(shown.get("LaunchTime")),
        volume_id=_root_volume(shown),
        reason_code=shown.get("StateReason", {}).get("Code", ""),
        groups=frozenset(group["GroupId"] for group in shown.get("SecurityGroups", [])),
        interfaces=tuple(interface["NetworkInterfaceId"] for interface in shown.get("NetworkInterfaces", [])),
        tags=tags(shown),
    )


def _ipv6_address(shown: Mapping[str, Any]) -> str | None:
    """Return the first IPv6 address of the network interfaces: the field `Ipv6Address` of the instance itself is only
    there if one was made the primary."""
    interfaces = shown.get("NetworkInterfaces", [])
    addresses = [address["Ipv6Address"] for interface in interfaces for address in interface.get("Ipv6Addresses", [])]
    return next(iter(addresses), None) or shown.get("Ipv6Address") or None


def _root_volume(shown: Mapping[str, Any]) -> str:
    disks = {disk["DeviceName"]: disk.get("Ebs", {}) for disk in shown.get("BlockDeviceMappings", [])}
    return str(disks.get(shown.get("RootDeviceName", ""), {}).get("VolumeId", ""))


def stop_action(region: str) -> str:
    """Return the ARN of EC2's own stop action, for an alarm; CloudWatch refuses one of another partition."""
    return f"arn:{partition(region)}:automate:{region}:ec2:stop"


def signature(deployment_id: str) -> str:
    """Return the start of an alarm's description: DescribeAlarms shows no tags, so this tells our alarms from
    others."""
    return f"Ondol {deployment_id}:"


def put_alarm(name: str, instance_id: str, rule: IdleRule, action: str, *, is_muted: bool) -> dict[str, Any]:
    """Return the parameters of PutMetricAlarm, all but warm-up, description and tags."""
    return {
        "AlarmName": name,
        "Namespace": "AWS/EC2",
        "MetricName": "CPUUtilization",
        # No `Unit`: a wrong one means INSUFFICIENT_DATA for ever, without an error.
        "Dimensions": [{"Name": "InstanceId", "Value": instance_id}],
        "Statistic": "Average",
        "ComparisonOperator": "LessThanThreshold",
        "Threshold": float(rule.cpu_percent),
        "Period": PERIOD,
        "EvaluationPeriods": rule.minutes * 60 // PERIOD,
        "TreatMissingData": "missing",
        "ActionsEnabled": not is_muted,
        "AlarmActions": [action],
    }


def warm_up(minutes: int) -> dict[str, Any]:
    """Return the parameter of PutMetricAlarm for a warm-up, in which the alarm does not judge."""
    if not minutes:
        return {}
    return {
        "WarmUpConfiguration": {
            "WarmUpPeriodDurationInMinutes": minutes,
            "OnlyStartEvaluatingAfterWarmUpPeriodEnds": True,
        },
    }


def alarm(shown: Mapping[str, Any], action: str) -> Alarm:
    """Return an alarm of DescribeAlarms.

    It is sound if it equals what `put_alarm` makes for the machine and rule it names.
    """
    instance_id = next((d["Value"] for d in shown.get("Dimensions", []) if d["Name"] == "InstanceId"), "")
    minutes = shown.get("EvaluationPeriods", 0) * shown.get("Period", 0) // 60
    rule = IdleRule(minutes, float(shown.get("Threshold", 0)))
    is_muted = not shown.get("ActionsEnabled", True)
    wanted = put_alarm(shown["AlarmName"], instance_id, rule, action, is_muted=is_muted)
    periods = shown.get("EvaluationPeriods")
    return Alarm(
        name=shown["AlarmName"],
        instance_id=instance_id,
        state=shown.get("StateValue", ""),
        rule=rule,
        warm_up_minutes=shown.get("WarmUpConfiguration", {}).get("WarmUpPeriodDurationInMinutes", 0),
        is_sound=bool(instance_id)
        and all(shown.get(name, _DEFAULTS.get(name)) == value for name, value in wanted.items())
        and shown.get("DatapointsToAlarm", periods) == periods
        and not any(shown.get(name) for name in _MUST_BE_EMPTY),
        configured_at=utc(shown.get("AlarmConfigurationUpdatedTimestamp")),
        state_since=utc(shown.get("StateTransitionedTimestamp")),
        is_muted=is_muted,
    )


CPU = "CPUUtilization"
"""The metric of `put_alarm`."""
CREDITS = "CPUCreditBalance"
"""The metric that only burstable types have."""
METRICS = {
    CPU: "percent",
    "NetworkIn": "network_in",
    "NetworkOut": "network_out",
    "EBSReadBytes": "disk_read",
    "EBSWriteBytes": "disk_written",
    CREDITS: "credits",
}
"""What is read of each machine: a metric, and the field of `Reading` that takes it."""


def metric_query(name: str, instance_id: str, metric_name: str) -> Any:
    """Return a query of GetMetricData. Its name must begin with a lower-case letter.

    The sum of a metric in bytes is right whether AWS publishes it once in these 5 minutes or each minute.
    """
    dimensions = [{"Name": "InstanceId", "Value": instance_id}]
    metric = {"Namespace": "AWS/EC2", "MetricName": metric_name, "Dimensions": dimensions}
    stat = "Average" if metric_name in {CPU, CREDITS} else "Sum"
    return {"Id": name, "MetricStat": {"Metric": metric, "Period": PERIOD, "Stat": stat}}


def values(shown: Mapping[str, Any]) -> dict[datetime, float]:
    """Return the values of one result of GetMetricData, by the start of their period."""
    pairs = zip(shown.get("Timestamps", []), shown.get("Values", []), strict=True)
    return {at.astimezone(UTC): float(value) for at, value in pairs}


def readings(found: Mapping[str, Mapping[datetime, float]]) -> list[Reading]:
    """Return the readings of one machine, oldest first, from its values by metric."""
    fields = {field: found.get(metric, {}) for metric, field in METRICS.items() if metric not in {CPU, CREDITS}}
    credits = found.get(CREDITS, {})

    def reading(at: datetime, percent: float) -> Reading:
        sizes = {field: int(some[at]) for field, some in fields.items() if at in some}
        return Reading(at, percent, credits=credits.get(at), **sizes)

    return [reading(at, percent) for at, percent in sorted(found.get(CPU, {}).items())]


def last_stop(items: Collection[Mapping[str, Any]], action: str, since: datetime) -> AlarmStop | None:
    """Return from DescribeAlarmHistory when `action` was last carried out, and the verdict that led to it."""
    acted = [at for item in items if has_acted(item, action) and (at := utc(item["Timestamp"])) and at > since]
    if not acted:
        return None
    at = max(acted)
    verdicts = [(told, data) for item in items if (told := utc(item["Timestamp"])) and (data := _verdict(item))]
    _, data = max((verdict for verdict in verdicts if verdict[0] <= at), default=(at, {}), key=lambda told: told[0])
    cpu = [value for value in data.get("recentDatapoints", []) if isinstance(value, int | float)]
    return AlarmStop(at, tuple(map(float, cpu)), data.get("threshold"))


def _verdict(item: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the data of a change to ALARM; None for any other item."""
    if item.get("HistoryItemType") != "StateUpdate":
        return None
    state = _json(item).get("newState", {})
    return state.get("stateReasonData", {}) if state.get("stateValue") == "ALARM" else None


def _json(item: Mapping[str, Any]) -> dict[str, Any]:
    try:
        data = json.loads(item.get("HistoryData") or "{}")
    except ValueError:
        return {}
    return data if isinstance(data, dict) else {}


def has_acted(item: Mapping[str, Any], action: str) -> bool:
    """Return whether this Action item of an alarm's history says that `action` was carried out."""
    summary, data = item.get("HistorySummary", ""), _json(item)
    state = data.get("actionState") or ("Succeeded" if summary.startswith("Successfully executed") else "")
    return state == "Succeeded" and action in {data.get("notificationResource"), summary.rpartition(" ")[2]}


def utc(moment: datetime | None) -> datetime | None:
    """Return the moment in UTC: the SDK uses time zones of its own."""
    return moment.astimezone(UTC) if moment else None
