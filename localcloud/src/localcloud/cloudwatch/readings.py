"""Reading metrics, and writing custom ones: GetMetricData, GetMetricStatistics, ListMetrics, PutMetricData."""

from datetime import datetime
from typing import Any

from moto.core.responses import ActionResult, EmptyResult

from localcloud.clock import moment, seconds_of
from localcloud.cloudwatch.judge import Datapoint, statistic
from localcloud.cloudwatch.metrics import STATISTICS, Metrics, series, show
from localcloud.cloudwatch.requests import invalid
from localcloud.errors import AwsError, combination, invalid_value
from localcloud.pages import cut
from localcloud.service import Service


class Readings(Service):
    metrics: Metrics

    def get_metric_data(self) -> ActionResult:
        queries = self._get_param("MetricDataQueries", [])
        if len(queries) > 500:
            raise invalid("MetricDataQueries can have up to 500 queries")
        start, end = _range(self._get_param("StartTime"), self._get_param("EndTime"))
        newest_first = (self._get_param("ScanBy") or "TimestampDescending") == "TimestampDescending"
        results = []
        for query in queries:
            if query.get("ReturnData") is False:
                continue
            results.append(self._result(query, start, end, newest_first))
        return ActionResult({"MetricDataResults": results, "Messages": []})

    def _result(self, query: dict[str, Any], start: float, end: float, newest_first: bool) -> dict[str, Any]:
        wanted = query.get("MetricStat")
        if not wanted:
            raise invalid("This trial cloud reads plain metrics; it has no metric math")
        metric, period, stat = wanted["Metric"], _period(wanted["Period"]), wanted["Stat"]
        if stat not in STATISTICS:
            raise invalid(f"This trial cloud knows {', '.join(STATISTICS)}, not {stat}")
        name = series(metric["Namespace"], metric["MetricName"], metric.get("Dimensions") or [])
        now = self.cloud.clock.now()
        found = self.metrics.by_period(name, start, end, period, now, wanted.get("Unit"))
        if newest_first:
            found.reverse()
        return {
            "Id": query["Id"],
            "Label": query.get("Label") or metric["MetricName"],
            "Timestamps": [moment(at) for at, _ in found],
            "Values": [statistic(stat, points) for _, points in found],
            "StatusCode": "Complete",
        }

    def get_metric_statistics(self) -> ActionResult:
        wanted = self._get_param("Statistics", [])
        if not wanted:
            raise combination("Must specify either Statistics or ExtendedStatistics")
        if set(wanted) - set(STATISTICS):
            raise invalid_value(f"The parameter Statistics must be among {', '.join(STATISTICS)}")
        start, end = _range(self._get_param("StartTime"), self._get_param("EndTime"))
        metric, unit = self._get_param("MetricName"), self._get_param("Unit")
        name = series(self._get_param("Namespace"), metric, self._get_param("Dimensions", []))
        period, now = _period(self._get_param("Period")), self.cloud.clock.now()
        points = [
            {"Timestamp": moment(at), "Unit": group[0].unit, **show(group, wanted)}
            for at, group in self.metrics.by_period(name, start, end, period, now, unit)
        ]
        if len(points) > 1440:
            raise combination("You have requested more than the 1440 datapoints that one call may return")
        return ActionResult({"Label": metric, "Datapoints": points})

    def list_metrics(self) -> ActionResult:
        namespace, metric = self._get_param("Namespace"), self._get_param("MetricName")
        dimensions = self._get_param("Dimensions", [])
        found = [
            {"Namespace": space, "MetricName": name, "Dimensions": pairs}
            for space, name, pairs in self.metrics.names()
            if namespace in (None, space) and metric in (None, name) and all(_among(one, pairs) for one in dimensions)
        ]
        shown, token = cut(found, 500, self._get_param("NextToken"))
        return ActionResult({"Metrics": shown, "NextToken": token})

    def put_metric_data(self) -> ActionResult:
        namespace = self._get_param("Namespace") or ""
        if namespace.startswith("AWS/"):
            raise invalid_value(f"The value {namespace} for parameter Namespace is invalid.")
        now = self.cloud.clock.now()
        found = []
        for one in self._get_param("MetricData", []):
            name = series(namespace, one["MetricName"], one.get("Dimensions") or [])
            found += [(name, point) for point in _points(one, now)]
        self.metrics.add(found)
        return EmptyResult()


def _points(one: dict[str, Any], now: float) -> list[Datapoint]:
    """Return the points by the minute, as metrics of standard resolution are stored."""
    given = one.get("Timestamp")
    at = (seconds_of(given) if given else now) // 60 * 60
    unit = one.get("Unit") or "None"
    summary = one.get("StatisticValues")
    if summary:
        samples, total = float(summary["SampleCount"]), float(summary["Sum"])
        return [Datapoint(at, now, samples, total, float(summary["Minimum"]), float(summary["Maximum"]), unit)]
    values = [float(value) for value in one.get("Values") or [one.get("Value")] if value is not None]
    counts = [float(count) for count in one.get("Counts") or [1] * len(values)]
    if not values:
        raise AwsError("MissingParameter", "Value, Values or StatisticValues is required")
    return [Datapoint(at, now, n, value * n, value, value, unit) for value, n in zip(values, counts, strict=True)]


def _range(start: datetime, end: datetime) -> tuple[float, float]:
    if seconds_of(start) >= seconds_of(end):
        raise invalid("The parameter StartTime must be less than the parameter EndTime.")
    return seconds_of(start), seconds_of(end)


def _period(period: Any) -> int:
    if int(period) not in (1, 5, 10, 20, 30) and (int(period) < 60 or int(period) % 60):
        raise invalid_value("The parameter Period must be 1, 5, 10, 20, 30 or a multiple of 60")
    return int(period)


def _among(wanted: dict[str, Any], pairs: list[dict[str, str]]) -> bool:
    return any(one["Name"] == wanted["Name"] and wanted.get("Value") in (None, one["Value"]) for one in pairs)
