"""Datapoints: what has been measured, and reading it by period. Kept for 15 days."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from localcloud.cloudwatch.judge import Datapoint, statistic
from localcloud.persistence import Database

KEPT = 15 * 86_400.0
STATISTICS = ("Average", "Sum", "SampleCount", "Minimum", "Maximum")


def series(namespace: str, metric: str, dimensions: Iterable[Mapping[str, str]]) -> str:
    """Return the key of a metric: namespace, name and all dimensions; fewer dimensions are another metric."""
    pairs = sorted((one["Name"], one["Value"]) for one in dimensions)
    return json.dumps([namespace, metric, pairs])


def of_machine(instance_id: str, metric: str) -> str:
    """Return the key of one of EC2's own metrics."""
    return series("AWS/EC2", metric, [{"Name": "InstanceId", "Value": instance_id}])


class Metrics:
    def __init__(self, database: Database) -> None:
        self.database = database

    def add(self, found: list[tuple[str, Datapoint]]) -> None:
        rows = [(name, int(p.at), p.visible, p.samples, p.total, p.low, p.high, p.unit) for name, p in found]
        self.database.execute_many(
            "INSERT INTO datapoint VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (series, at, unit) DO UPDATE SET "
            "samples = samples + excluded.samples, total = total + excluded.total, "
            "low = min(low, excluded.low), high = max(high, excluded.high)",
            rows,
        )

    def read(self, name: str, start: float, end: float) -> list[Datapoint]:
        """Return the datapoints from `start` up to, but not including, `end`; oldest first."""
        rows = self.database.execute(
            "SELECT at, visible, samples, total, low, high, unit FROM datapoint "
            "WHERE series = ? AND at >= ? AND at < ? ORDER BY at",
            (name, start, end),
        )
        return [Datapoint(*row) for row in rows]

    def last(self, name: str) -> Datapoint | None:
        rows = self.database.execute(
            "SELECT at, visible, samples, total, low, high, unit FROM datapoint WHERE series = ? ORDER BY at DESC "
            "LIMIT 1",
            (name,),
        )
        return Datapoint(*rows[0]) if rows else None

    def by_period(
        self, name: str, start: float, end: float, period: int, now: float, unit: str | None = None
    ) -> list[tuple[float, list[Datapoint]]]:
        """Return pairs (start of period, its points), oldest first.

        Periods are aligned to the clock, not to `start`.
        """
        first = start // period * period
        groups: dict[float, list[Datapoint]] = {}
        for point in self.read(name, first, end):
            if point.visible <= now and unit in (None, point.unit):
                groups.setdefault(point.at // period * period, []).append(point)
        return sorted(groups.items())

    def names(self) -> list[tuple[str, str, list[dict[str, str]]]]:
        rows = self.database.execute("SELECT DISTINCT series FROM datapoint")
        found = [json.loads(row[0]) for row in rows]
        return [(space, name, [{"Name": k, "Value": v} for k, v in pairs]) for space, name, pairs in found]

    def prune(self, now: float) -> None:
        self.database.execute("DELETE FROM datapoint WHERE at < ?", (now - KEPT,))


def show(points: list[Datapoint], wanted: Iterable[str]) -> dict[str, Any]:
    return {name: statistic(name, points) for name in wanted}
