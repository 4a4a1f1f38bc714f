"""Leases: while network or disk is busy, a lease is stored on the run, and a job that puts the alarm again is enqueued.

`work` decides; the reconciler puts the alarm, as for keep awake. Nothing here calls AWS.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import transaction

from ondol import clock
from ondol.autostop import work
from ondol.autostop.forecast import PERIOD
from ondol.autostop.models import WorkLease
from ondol.autostop.samples import limits_of, samples_of, used_of
from ondol.autostop.work import Limits, Sample, Work
from ondol.instances.jobs import enqueue
from ondol.instances.models import Instance, Run
from ondol.instances.states import Status
from ondol.policy.rules import rules_for

_BACK = timedelta(hours=2)
"""Work that ended earlier has no lease in force."""


def check() -> None:
    """Renew leases, and take them back. It may run twice. One query while nothing runs, else three for all machines."""
    now = clock.now()
    rows = list(Instance.objects.filter(status=Status.RUNNING, run__launched_at__isnull=False).select_related("run"))
    # A machine whose alarm is being put is checked after that.
    rows = [row for row in rows if row.is_armed]
    if not rows:
        return
    rules, samples = rules_for({row.owner_id for row in rows}), samples_of(rows, now - _BACK)
    for row in rows:
        limits, found = limits_of(row, rules[row.owner_id]), samples.get(str(row.pk), [])
        until = _wanted(row, found, limits, now)
        if until != row.run.lease_until:
            _change(row, until, found, limits)


def _wanted(row: Instance, samples: Sequence[Sample], limits: Limits, now: datetime) -> datetime | None:
    run = row.run
    if run.armed_at is None:
        return run.lease_until
    held_until = run.armed_at + timedelta(minutes=run.warm_up_minutes)

    def decide(used: timedelta) -> datetime | None:
        return work.lease_until(now, samples, limits, run.armed_idle_minutes, held_until, run.lease_until, used)

    if decide(timedelta()) == run.lease_until:
        return run.lease_until
    return decide(used_of(row, limits, now))  # reads a day of readings: only if a lease is due


def _change(row: Instance, until: datetime | None, samples: Sequence[Sample], limits: Limits) -> None:
    """Store the lease on the run, unless another worker was faster, and have the alarm put by it."""
    run = row.run
    with transaction.atomic():
        locked = Instance.objects.select_for_update().filter(pk=row.pk, status=Status.RUNNING, run=row.run_id).first()
        same = Run.objects.filter(pk=run.pk, ended_at=None, lease_until=run.lease_until, armed_at=run.armed_at)
        if locked is None or not same.update(lease_until=until):
            return
        ended_at, last = work.last_work(samples, limits)
        if ended_at and last:
            _tell(run, ended_at, last)
        enqueue(locked)


def _tell(run: Run, ended_at: datetime, last: Work) -> None:
    """Write the history: one line for continuous work, however often its lease is renewed."""
    told = WorkLease.objects.filter(run=run, is_over=False).order_by("began_at").last()
    if told is None:
        told = WorkLease(run=run, began_at=ended_at - PERIOD, worked_until=ended_at)
    if last.needs_lease:
        told.worked_until, told.signal, told.rate = ended_at, last.signal, last.rate
    told.is_over = clock.now() - ended_at > work.FRESH
    told.save()
