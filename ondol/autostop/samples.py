"""What machines did, as samples for `work`, from the readings in the database."""

import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import BigIntegerField, Func, Q

from ondol.autostop import work
from ondol.autostop.forecast import PERIOD, floor
from ondol.autostop.models import CpuReading
from ondol.autostop.work import Limits, Sample
from ondol.database.kept import Kept, rows_of
from ondol.instances.models import Instance
from ondol.instances.record import LastWork
from ondol.policy.rules import Rules, rules_of
from ondol.policy.threshold import cpu_percent

_COLUMNS = ("instance_id", "at", "percent", "network_in", "network_out", "disk_read", "disk_written")

_EPOCH = Func("at", template="EXTRACT(EPOCH FROM %(expressions)s)::bigint", output_field=BigIntegerField())
"""Periods begin at whole seconds. Reading a month of them as datetimes would take twice as long."""


def limits_of(row: Instance, rules: Rules) -> Limits:
    """Return what counts as work in its present run, by the rules that apply to its owner."""
    run = row.run
    return Limits(
        cpu_percent=run.armed_cpu_percent or cpu_percent(rules.idle_core_percent, row.size.instance_type),
        network=rules.network_kbs * 1e3,
        disk=rules.disk_mbs * 1e6,
        run_since=run.launched_at or run.began_at,
        day=timedelta(hours=rules.lease_hours),
    )


def samples_of(rows: Iterable[Instance], since: datetime) -> Mapping[str, list[Sample]]:
    """Return what machines did in their present runs since a time, by row, oldest first; one query for all."""
    first = {str(row.pk): floor(row.run.launched_at) for row in rows if row.run.launched_at}
    return {pk: [one for one in some if one.at >= first[pk]] for pk, some in _samples(first, since).items()}


def since_active(
    rows: Iterable[Instance], cpu_percent: Mapping[str, float], since: datetime
) -> dict[str, list[Sample]]:
    """Return what machines did in their present runs, by row, oldest first, from their last period with a busy CPU on;
    without such a period, from `since` on. A forecast needs no more, and most readings are earlier."""
    of = [
        (row.pk, max(since, floor(row.run.launched_at)), cpu_percent[str(row.pk)])
        for row in rows
        if row.run.launched_at
    ]
    found: defaultdict[str, list[Sample]] = defaultdict(list)
    for pk, *reading in rows_of(_SINCE_ACTIVE, [list(column) for column in zip(*of, strict=True)]) if of else ():
        found[str(pk)].append(_sample(*reading))
    return found


_SINCE_ACTIVE = """
SELECT reading.instance_id, at, percent, network_in, network_out, disk_read, disk_written
FROM unnest(%s::uuid[], %s::timestamptz[], %s::float8[]) AS machine(id, since, cpu_percent)
CROSS JOIN LATERAL (SELECT coalesce((
  SELECT at FROM autostop_cpureading
  WHERE instance_id = machine.id AND at >= machine.since AND percent >= machine.cpu_percent ORDER BY at DESC LIMIT 1
), machine.since) AS start) AS active
JOIN autostop_cpureading reading ON reading.instance_id = machine.id AND at >= active.start
ORDER BY at
"""


def recent(instance: Instance, since: datetime) -> list[Sample]:
    """Return what a machine did since then, in earlier runs too; oldest first."""
    return _samples([str(instance.pk)], since).get(str(instance.pk), [])


def used_of(row: Instance, limits: Limits, now: datetime) -> timedelta:
    """Return for how long of the last 24 hours leases alone have kept a machine on, in earlier runs too."""
    since = now - work.DAY
    whole_day = Limits(limits.cpu_percent, limits.network, limits.disk, since - work.BOOT, limits.day)
    return work.used_within(recent(row, since), whole_day)


def worked_at_most(
    least: Mapping[uuid.UUID, tuple[float, float, float]], since: datetime
) -> Mapping[uuid.UUID, list[Sample]]:
    """Return all samples since a time that may count as work, by machine; `least`: the CPU, network and disk that
    count.

    `work.work_of` decides whether they do. Machines without such samples have an empty list.
    """
    found: dict[uuid.UUID, list[Sample]] = {pk: [] for pk in least}
    alike: defaultdict[tuple[float, float, float], list[uuid.UUID]] = defaultdict(list)
    for pk, limits in least.items():
        alike[limits].append(pk)
    for (cpu, network, disk), pks in alike.items():
        # At least one of two summands is half of the sum or more.
        each_network, each_disk = (limit * PERIOD.total_seconds() / 2 for limit in (network, disk))
        may_count = Q(percent__gte=cpu)
        if network:
            may_count |= Q(network_in__gte=each_network) | Q(network_out__gte=each_network)
        if disk:
            may_count |= Q(disk_read__gte=each_disk) | Q(disk_written__gte=each_disk)
        kept = CpuReading.objects.filter(may_count, instance__in=pks, at__gte=since).order_by("instance", "at")
        columns = ("instance_id", _EPOCH, *_COLUMNS[2:])
        for pk, at, percent, into, out, read, written in kept.values_list(*columns).iterator(chunk_size=20_000):
            found[pk].append(Sample(datetime.fromtimestamp(at, UTC), percent, into, out, _sum(read, written)))
    return found


def last_work_of(row: Instance) -> LastWork | None:
    """Return what a machine did last in its present run, as far as readings are kept."""
    limits = limits_of(row, rules_of(row.owner_id))
    samples = samples_of([row], limits.run_since - PERIOD).get(str(row.pk), [])
    until, last = work.last_work(samples, limits)
    return LastWork(last.signal, round(last.rate, 4), until) if last and until else None


def _samples(pks: Iterable[str], since: datetime) -> Mapping[str, list[Sample]]:
    found: defaultdict[str, list[Sample]] = defaultdict(list)
    for pk, *reading in _rows(list(pks), since):
        found[str(pk)].append(_sample(*reading))
    return found


def _sample(
    at: datetime, percent: float, into: int | None, out: int | None, read: int | None, written: int | None
) -> Sample:
    return Sample(at, percent, into, out, _sum(read, written))


def _rows(pks: list[str], since: datetime) -> Iterable[tuple[Any, ...]]:
    if not pks:  # Django would take long to find out that no query is needed
        return []
    ids = [uuid.UUID(pk) for pk in pks]
    if len(ids) == 1:
        return _OF_ONE.rows(*ids, since)
    return CpuReading.objects.filter(instance__in=ids, at__gte=since).order_by("at").values_list(*_COLUMNS)


_OF_ONE = Kept[CpuReading](
    lambda pk, since: CpuReading.objects.filter(instance_id=pk, at__gte=since).order_by("at").values_list(*_COLUMNS),
    uuid.UUID(int=1),
    datetime(2000, 1, 1, tzinfo=UTC),
)


def _sum(*sizes: int | None) -> int | None:
    known = [size for size in sizes if size is not None]
    return sum(known) if known else None
