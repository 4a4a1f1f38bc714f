"""What CloudWatch refuses in PutMetricAlarm and PutMetricData. From the API reference; moto takes nearly anything."""

import re
from typing import Any

from localcloud.cloudwatch.metrics import STATISTICS
from localcloud.errors import AwsError

OPERATORS = (
    "GreaterThanOrEqualToThreshold",
    "GreaterThanThreshold",
    "LessThanThreshold",
    "LessThanOrEqualToThreshold",
)
MISSING = ("breaching", "notBreaching", "ignore", "missing")
EC2_ACTION = re.compile(r"arn:aws:automate:(?P<region>[a-z0-9-]+):ec2:(?P<verb>stop|terminate|reboot|recover)")
_OTHER_ACTION = re.compile(r"arn:aws:(sns|ssm|ssm-incidents|lambda|swf|autoscaling|aiops):[a-z0-9-]+:\d{12}:.+")


def invalid(message: str) -> AwsError:
    return AwsError("ValidationError", message)


def check_alarm(params: dict[str, Any], region: str) -> dict[str, Any]:
    """Return the settings of the alarm, without what is not a setting."""
    if params.get("Metrics") or params.get("ExtendedStatistic") or params.get("ThresholdMetricId"):
        raise invalid("This trial cloud has alarms on one metric and one plain statistic only")
    for name in ("AlarmName", "MetricName", "Namespace", "ComparisonOperator", "EvaluationPeriods", "Threshold"):
        if params.get(name) is None:
            raise AwsError("MissingParameter", f"The parameter {name} is required")
    if not 1 <= len(params["AlarmName"]) <= 255:
        raise invalid("AlarmName must have 1 to 255 characters")
    _one_of(params, "ComparisonOperator", OPERATORS)
    _one_of(params, "Statistic", STATISTICS)
    if params.get("TreatMissingData"):
        _one_of(params, "TreatMissingData", MISSING)
    _check_times(params)
    _check_warm_up(params.get("WarmUpConfiguration"))
    for kind in ("OKActions", "AlarmActions", "InsufficientDataActions"):
        _check_actions(kind, params, region)
    return {key: value for key, value in params.items() if key != "Tags"}


def _one_of(params: dict[str, Any], name: str, allowed: tuple[str, ...]) -> None:
    if params.get(name) not in allowed:
        raise invalid(
            f"1 validation error detected: Value '{params.get(name)}' at '{name[0].lower()}{name[1:]}' failed to "
            f"satisfy constraint: Member must satisfy enum value set: [{', '.join(allowed)}]"
        )


def _check_times(params: dict[str, Any]) -> None:
    period, periods = params.get("Period"), int(params["EvaluationPeriods"])
    if period is None:
        raise AwsError("MissingParameter", "The parameter Period is required")
    if int(period) not in (10, 20, 30) and (int(period) < 60 or int(period) % 60):
        raise invalid("Period must be 10, 20, 30 or a multiple of 60")
    if periods < 1:
        raise invalid("EvaluationPeriods must be at least 1")
    longest = 86_400 if int(period) < 3600 else 604_800
    if int(period) * periods > longest:
        raise invalid("Metrics cannot be checked across more than a day (EvaluationPeriods * Period must be <= 86400).")
    needed = params.get("DatapointsToAlarm")
    if needed is not None and not 1 <= int(needed) <= periods:
        raise invalid("DatapointsToAlarm must be from 1 to EvaluationPeriods")


def _check_warm_up(warm_up: dict[str, Any] | None) -> None:
    if warm_up and not 1 <= int(warm_up.get("WarmUpPeriodDurationInMinutes") or 0) <= 2880:
        raise invalid("WarmUpPeriodDurationInMinutes must be from 1 to 2880")


def _check_actions(kind: str, params: dict[str, Any], region: str) -> None:
    arns = params.get(kind) or []
    if len(arns) > 5:
        raise invalid(f"{kind} can have up to five actions")
    for arn in arns:
        ec2 = EC2_ACTION.fullmatch(arn)
        if not ec2 and not _OTHER_ACTION.fullmatch(arn):
            raise invalid(f"Invalid arn syntax: {arn}")
        if ec2 and ec2["region"] != region:
            raise invalid(f"Region {ec2['region']} in ARN is invalid. Only {region} is supported.")
        if ec2:
            dimensions = [one["Name"] for one in params.get("Dimensions") or []]
            if dimensions != ["InstanceId"]:
                raise invalid("EC2 actions need a metric with the dimension InstanceId and no other")
