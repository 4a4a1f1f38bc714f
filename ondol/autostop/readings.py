"""Readings of what machines did, requested from CloudWatch for all at once, and kept for a month."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from django.db import transaction
from django.db.models import F, OuterRef, Q, QuerySet, Subquery

from ondol import clock
from ondol.autostop.credits import has_credits
from ondol.autostop.forecast import PERIOD, floor
from ondol.autostop.models import CpuReading, MetricsRead, ReadingRound
from ondol.cloud.errors import CloudError
from ondol.cloud.port import Cloud, Reading
from ondol.instances.models import Instance
from ondol.instances.states import Status

SHOWN_AFTER = timedelta(minutes=1)
"""How long after its period a datapoint may be shown at the earliest; it often takes some minutes more."""
ASK_AGAIN = timedelta(seconds=55)
"""The pause before a late datapoint is asked for again, on the machines' clock: about a minute."""
PARTIAL = timedelta(minutes=15)
"""The age of a reading, since its start, after which we do not wait for its missing parts any more."""
BACK, LATE = timedelta(hours=6), timedelta(minutes=20)
"""How far back gaps are filled; how long after a stop the last datapoints may come."""
AGAIN = timedelta(minutes=10)
"""How much of what is known is read again: the metrics of one period do not come all at once. It costs nothing, since
CloudWatch counts metrics and not datapoints."""
KEPT = timedelta(days=30)
"""How long readings are kept: `preview` tries rules on them."""
_SIZES = ("network_in", "network_out", "disk_read", "disk_written")
METRICS = 1 + len(_SIZES)
"""Each machine has so many, with that of its CPU: a call is paid by them."""


def collect(cloud: Cloud) -> None:
    """Ask for new datapoints. No call while nothing runs, nor before a new datapoint may be shown."""
    now = clock.now()
    wanted = [row for row in _of_interest(now) if _misses_one(row, now)]
    if not wanted or not _is_my_turn(now):
        return
    since = max(min(_known_until(row, now) for row in wanted) - AGAIN, now - BACK)
    by_id = {str(row.instance_id): row for row in wanted}
    burstable = {id for id, row in by_id.items() if has_credits(row)}
    _count(METRICS * len(by_id) + len(burstable), now)
    try:
        told = cloud.readings(by_id, since, now, burstable)
    except CloudError as error:
        ReadingRound.objects.update(trouble_code=error.code[:80])
        raise
    found = [_row(by_id[of], reading) for of, some in told.items() for reading in some]
    with transaction.atomic():
        # Overwrite readings, since CloudWatch may correct a datapoint that it has shown too early.
        CpuReading.objects.bulk_create(
            found,
            update_conflicts=True,
            unique_fields=["instance", "at"],
            update_fields=["percent", *_SIZES, "credits"],
            batch_size=1000,
        )
        ReadingRound.objects.update(trouble_code="")


def _row(instance: Instance, reading: Reading) -> CpuReading:
    sizes = {name: getattr(reading, name) for name in _SIZES}
    return CpuReading(instance=instance, at=reading.at, percent=reading.percent, credits=reading.credits, **sizes)


def _count(metrics: int, now: datetime) -> None:
    """Note what this call costs before it is made: AWS charges it also if the answer is lost."""
    day, _made = MetricsRead.objects.get_or_create(day=now.astimezone(UTC).date())
    MetricsRead.objects.filter(pk=day.pk).update(count=F("count") + metrics)


def prune() -> None:
    """Delete what is older than a month."""
    CpuReading.objects.filter(at__lt=clock.now() - KEPT).delete()


def _of_interest(now: datetime) -> Iterable[Instance]:
    runs = Q(status__in=[Status.RUNNING, Status.STOPPING])
    has_just_run = Q(status=Status.STOPPED, status_since__gt=now - LATE)
    rows: QuerySet[Instance] = Instance.objects.filter(runs | has_just_run, instance_id__isnull=False)
    rows = rows.filter(run__launched_at__isnull=False).select_related("run")
    # Every type of machine has the network metrics; they may come a little after the CPU.
    whole = Q(network_in__isnull=False) | Q(at__lt=now - PARTIAL)
    # Older readings do not matter, since no gap is filled that far back; and this query runs every two seconds.
    since = now - BACK - PERIOD
    last = CpuReading.objects.filter(whole, instance=OuterRef("pk"), at__gte=since).order_by("-at")
    return rows.annotate(last_reading=Subquery(last.values("at")[:1]))


def _misses_one(row: Instance, now: datetime) -> bool:
    """Return whether the newest datapoint that may be shown by now is not known yet."""
    over = min(now, row.stopped_at) if row.status == Status.STOPPED and row.stopped_at else now
    newest = floor(min(now - SHOWN_AFTER, over)) - PERIOD
    first = max(floor(row.run.launched_at or now), now - BACK)
    return newest >= first and _known_until(row, now) <= newest


def _known_until(row: Instance, now: datetime) -> datetime:
    """Return the time since which this run's datapoints are not known."""
    last: datetime | None = getattr(row, "last_reading", None)
    first = floor(row.run.launched_at or now)
    return max(first, last + PERIOD) if last else first


def _is_my_turn(now: datetime) -> bool:
    """Return whether this worker, of several, makes the call; should it die now, the next one asks a minute later."""
    ReadingRound.objects.get_or_create(only=True, defaults={"at": now - ASK_AGAIN})
    ahead = Q(at__gt=now)  # from a clock that ran ahead
    return bool(ReadingRound.objects.filter(Q(at__lte=now - ASK_AGAIN) | ahead).update(at=now))
