"""Whether a burstable machine has used up its CPU credits, so that AWS slows it down."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from ondol.database.kept import Kept
from ondol.ec2_types import facts_of
from ondol.instances.models import Instance
from ondol.instances.states import Status

_USED_UP = 1.0
"""Fewer credits than this: a vCPU at full speed spends one in a minute."""
_NEAR_BASELINE = 0.8
"""The share of its baseline from which a machine without credits counts as slowed down."""
_RECENT = timedelta(minutes=20)
"""CloudWatch shows a datapoint some minutes after its period."""


def has_credits(row: Instance) -> bool:
    """Return whether its type is slowed down once its credits are used up."""
    return facts_of(row.instance_type).baseline_percent is not None and not row.is_unlimited


def throttled_to(row: Instance, now: datetime) -> float | None:
    """Return the CPU, in per cent of each vCPU, that AWS slows a machine down to; None while it does not."""
    baseline = facts_of(row.instance_type).baseline_percent
    if row.status != Status.RUNNING or baseline is None or not has_credits(row):
        return None
    for credits, percent in _LAST.rows(row.pk, now - _RECENT, now):
        if credits < _USED_UP and percent >= baseline * _NEAR_BASELINE:
            return baseline
    return None


_LAST = Kept[Instance](
    lambda row, since, now: (
        Instance(pk=row)
        .readings.filter(at__gt=since, at__lte=now, credits__isnull=False)
        .order_by("-at")
        .values_list("credits", "percent")[:1]
    ),
    UUID(int=1),
    datetime(2000, 1, 1, tzinfo=UTC),
    datetime(2000, 1, 2, tzinfo=UTC),
)
