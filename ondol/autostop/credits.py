"""Whether a burstable machine has used up its CPU credits, so that AWS slows it down."""

from datetime import datetime, timedelta

from ondol.ec2_types import facts_of
from ondol.instances.lifecycle import Status
from ondol.instances.models import Instance

_USED_UP = 1.0
"""Fewer credits than this: a vCPU at full speed spends one in a minute."""
_NEAR_BASELINE = 0.8
"""The share of its baseline from which a machine feels that it has no credits."""
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
    last = row.readings.filter(at__gt=now - _RECENT, at__lte=now, credits__isnull=False).order_by("-at").first()
    is_slow = last and last.credits is not None and last.credits < _USED_UP
    return baseline if last and is_slow and last.percent >= baseline * _NEAR_BASELINE else None
