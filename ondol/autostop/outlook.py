"""When somebody's machine will stop: for idling, or because the hours are over."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from ondol import clock
from ondol.autostop.closing import Closing
from ondol.autostop.forecast import METRIC_DELAY, PERIOD, Forecast, forecast
from ondol.autostop.samples import limits_of, since_active, used_of
from ondol.autostop.schedule import closing
from ondol.autostop.work import AHEAD, RENEW_EVERY, Limits, Sample, Work, last_work, taken_back, work_of
from ondol.instances.models import Instance, Run
from ondol.instances.states import Status
from ondol.policy.rules import Rules

SOON = timedelta(minutes=10)
"""People are warned when less than this is left."""
_BACK = timedelta(hours=13)
"""How far back readings matter: the longest idle rule is 12 hours."""


@dataclass(frozen=True, slots=True)
class Outlook:
    """When a machine that runs and is armed will stop."""

    instance: Instance
    idle: Forecast | None
    """None: its alarm is just being put."""
    closing: Closing | None
    now: datetime
    work: Work | None = None
    """Its work in the last 5 minutes that are known, if it counts as work."""

    @property
    def kept_by(self) -> Work | None:
        """Return the work of network or disk that keeps it on although its CPU may be idle."""
        is_kept = self.idle is not None and self.idle.is_active
        return self.work if is_kept and self.work and self.work.needs_lease else None

    @property
    def stops_at(self) -> datetime | None:
        """Return the earliest time at which it stops, if nobody does anything; None: no stop is expected."""
        times = [self.idle.earliest] if self.idle and not self.idle.is_active else []
        if self.is_closing_first:
            assert self.closing is not None  # noqa: S101  for the type checker
            times = [self.closing.stops_at]
        return min(times, default=None)

    @property
    def is_closing_first(self) -> bool:
        """Return whether it stops because the hours are over, before it would stop for idling."""
        if self.closing is None or self.closing.is_waived:
            return False
        return self.idle is None or self.idle.is_active or self.closing.stops_at <= self.idle.earliest

    @property
    def left(self) -> timedelta | None:
        """Return the time left until it stops, at least; on the machines' clock."""
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
    """Return the outlooks of running machines, by owner; one query for all."""
    now = now or clock.now()
    running = {str(row.pk): row for row in rows if row.status == Status.RUNNING and row.run.launched_at}
    cpu_percent = {pk: limits_of(row, rules[row.owner_id]).cpu_percent for pk, row in running.items()}
    told = since_active(running.values(), cpu_percent, now - _BACK)
    return {row.owner_id: _of(row, rules[row.owner_id], told.get(pk, []), now) for pk, row in running.items()}


def _of(row: Instance, rules: Rules, samples: list[Sample], now: datetime) -> Outlook:
    run, idle, limits = row.run, None, limits_of(row, rules)
    # While the alarm is replaced because of its lease, the present alarm counts.
    is_armed = run.ended_at is None and run.is_armed_for_start and run.armed_awake_until == run.awake_until
    if is_armed and run.armed_at and run.launched_at and run.armed_idle_minutes:
        ends = warm_up_ends = run.armed_at + timedelta(minutes=run.warm_up_minutes)
        if _is_used_up(row, samples, limits, warm_up_ends, now):
            limits = replace(limits, day=timedelta())
        else:
            ends = _judged_at(run, samples, limits, warm_up_ends, now)
        worked = {s.at for s in samples if (work := work_of(s, limits)) and work.needs_lease}
        readings = [(sample.at, sample.percent) for sample in samples]
        idle = forecast(now, readings, run.launched_at, ends, run.armed_idle_minutes, run.armed_cpu_percent, worked)
    work = work_of(samples[-1], limits) if samples else None
    return Outlook(row, idle, closing(row, rules.hours, now), now, work)


def _judged_at(run: Run, samples: Sequence[Sample], limits: Limits, warm_up_ends: datetime, now: datetime) -> datetime:
    """Return since when the alarm will judge; a lease ends early, since it is taken back once its work is over."""
    ended_at, last = last_work(samples, limits)
    if ended_at is None or last is None:
        return warm_up_ends
    until = taken_back(now, ended_at, last, run.armed_idle_minutes, warm_up_ends, run.lease_until)
    if until is None or until == run.lease_until:
        return warm_up_ends
    window = timedelta(minutes=run.armed_idle_minutes)
    others = [(run.launched_at or ended_at) + window + METRIC_DELAY, run.awake_until or ended_at]
    return max(*others, until)


def _is_used_up(
    row: Instance, samples: Sequence[Sample], limits: Limits, warm_up_ends: datetime, now: datetime
) -> bool:
    """Return whether its lease is not renewed although network or disk is busy: the day's hours are used up."""
    work = work_of(samples[-1], limits) if samples else None
    left = warm_up_ends - now
    if not work or not work.needs_lease or left > AHEAD + PERIOD:
        return False
    return limits.left(used_of(row, limits, now)) - left < RENEW_EVERY
