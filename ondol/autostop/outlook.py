"""When somebody's machine will stop: for idling, or because the hours are over."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from ondol import clock
from ondol.autostop.forecast import Forecast, floor, forecast
from ondol.autostop.models import CpuReading
from ondol.autostop.schedule import Closing, closing
from ondol.instances.lifecycle import Status
from ondol.instances.models import Instance
from ondol.policy.rules import Rules

SOON = timedelta(minutes=10)
"""People are warned when less than this is left."""
_BACK = timedelta(hours=13)
"""Older readings decide nothing: the longest rule is 12 hours."""


@dataclass(frozen=True, slots=True)
class Outlook:
    """When a machine that runs and is armed will stop."""

    instance: Instance
    idle: Forecast | None
    """None: its alarm is just being put."""
    closing: Closing | None
    now: datetime

    @property
    def stops_at(self) -> datetime | None:
        """The earliest time at which it stops, if nobody does anything; None: not in sight."""
        times = [self.idle.earliest] if self.idle and not self.idle.is_active else []
        if self.is_closing_first:
            assert self.closing is not None  # noqa: S101  for the type checker
            times = [self.closing.stops_at]
        return min(times, default=None)

    @property
    def is_closing_first(self) -> bool:
        """It stops because the hours are over, before it would for idling."""
        if self.closing is None or self.closing.is_waived:
            return False
        return self.idle is None or self.idle.is_active or self.closing.stops_at <= self.idle.earliest

    @property
    def left(self) -> timedelta | None:
        """Until then, at least; on the machines' clock."""
        return max(self.stops_at - self.now, timedelta()) if self.stops_at else None

    @property
    def is_soon(self) -> bool:
        return self.left is not None and self.left <= SOON


def outlook(instance: Instance, rules: Rules, now: datetime | None = None) -> Outlook | None:
    """Return the outlook of one machine; None while it does not run."""
    return outlooks([instance], {instance.owner_id: rules}, now).get(instance.owner_id)


def outlooks(
    rows: Iterable[Instance], rules: Mapping[int | None, Rules], now: datetime | None = None
) -> dict[int, Outlook]:
    """Return the outlooks of those that run, by owner; one query for all."""
    now = now or clock.now()
    running = {str(row.pk): row for row in rows if row.status == Status.RUNNING and row.run.launched_at}
    kept = CpuReading.objects.filter(instance__in=list(running.values()), at__gte=now - _BACK).order_by("at")
    told: defaultdict[str, list[tuple[datetime, float]]] = defaultdict(list)
    for reading in kept:
        pk = str(reading.instance_id)
        if reading.at >= floor(running[pk].run.launched_at or now):
            told[pk].append((reading.at, reading.percent))
    return {row.owner_id: _of(row, rules[row.owner_id], told[pk], now) for pk, row in running.items()}


def readings_of(instance: Instance, since: datetime) -> list[tuple[datetime, float]]:
    """When each 5 minutes began, and their average in per cent; oldest first."""
    return list(CpuReading.objects.filter(instance=instance, at__gte=since).order_by("at").values_list("at", "percent"))


def _of(row: Instance, rules: Rules, readings: list[tuple[datetime, float]], now: datetime) -> Outlook:
    idle = None
    run = row.run
    if run.is_armed and run.armed_at and run.launched_at and run.armed_idle_minutes:
        warm_up_ends = run.armed_at + timedelta(minutes=run.warm_up_minutes)
        idle = forecast(now, readings, run.launched_at, warm_up_ends, run.armed_idle_minutes, run.armed_cpu_percent)
    return Outlook(row, idle, closing(row, rules.hours, now), now)
