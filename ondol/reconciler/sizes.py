"""The size of a machine: what was asked for, what AWS has, and the history by which costs are calculated."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.db import transaction

from ondol import clock
from ondol.ec2_types import facts_of
from ondol.instances.models import Instance
from ondol.instances.moves import write_line
from ondol.instances.record import Failure, Record, Wish
from ondol.instances.states import Reason, Status
from ondol.policy.rules import rules_of


def note(
    instance: Instance,
    ensure_job_lease: Callable[[], None] = lambda: None,
    *,
    at: datetime | None = None,
    instance_type: str = "",
    volume_gib: int | None = None,
    is_news: bool = False,
) -> None:
    """Record the size that AWS has, by which it costs from now on. The same size is recorded once.

    `at`: the time of an observation; the answer to an act may be newer. A size that nobody here has asked for
    (`is_news`) becomes the wish.
    """
    with transaction.atomic():
        ensure_job_lease()
        row = _locked(instance)
        if row is None or (at and row.seen_at and row.seen_at > at):
            return
        there: dict[str, Any] = {
            "seen_type": instance_type or row.seen_type,
            "seen_volume_gib": volume_gib or row.seen_volume_gib,
        }
        before = row.size
        if instance_type and (is_news or at is None):
            there["is_type_unsure"] = False
        if is_news and row.seen_type:
            there["is_unlimited"] = None
        if is_news and instance_type and row.instance_type == (row.seen_type or row.instance_type):
            there["instance_type"] = instance_type
        if volume_gib and volume_gib > row.volume_gib:
            there["volume_gib"] = volume_gib
        _write(row, there)
        if before != row.size:
            _record(row, Reason.RESIZED)
    _bring_up_to_date(instance, there)


def refused(instance: Instance, ensure_job_lease: Callable[[], None], failure: Failure, wish: Wish) -> bool:
    """Record that AWS refused `wish`; the present size becomes the wish. False: the owner has changed it meanwhile."""
    with transaction.atomic():
        ensure_job_lease()
        row = _locked(instance)
        if row is None or any(getattr(row, name) != getattr(wish, name) for name in wish.names):
            return False
        there: dict[str, Any] = {name: getattr(row.size, name) for name in wish.names}
        if wish.instance_type:
            there["is_type_unsure"] = False
        if wish.volume_gib:  # somebody may have made it bigger in the console: measure it again
            there["seen_volume_gib"] = None
        _write(row, there | {"tries": 0, "next_at": None})
        _record(row, Reason.SIZE_REFUSED, failure, wish)
    _bring_up_to_date(instance, there)
    return True


def may_be_unlimited(instance: Instance) -> bool:
    """Return whether it is burstable, and its owner's rules permit credits that cost extra."""
    return is_burstable(instance) and rules_of(instance.owner_id).unlimited_credits


def is_burstable(instance: Instance) -> bool:
    """Return whether it has a credit mode: EC2 accepts none for other types."""
    return facts_of(instance.instance_type).is_burstable


def _locked(instance: Instance) -> Instance | None:
    """Return the row, locked; None: a new attempt has begun meanwhile."""
    same = Instance.objects.filter(pk=instance.pk, client_token=instance.client_token)
    return same.select_for_update().first()


def _write(row: Instance, fields: dict[str, Any]) -> None:
    Instance.objects.filter(pk=row.pk).update(**fields)
    _bring_up_to_date(row, fields)


def _bring_up_to_date(row: Instance, fields: dict[str, Any]) -> None:
    for name, value in fields.items():
        setattr(row, name, value)


def _record(row: Instance, reason: Reason, failure: Failure | None = None, refused: Wish | None = None) -> None:
    """Add a line to the history; status and reason stay the same."""
    status = Status(row.status)
    record = Record(size=row.size, failure=failure, status_reason=Reason(row.status_reason), refused=refused)
    write_line(row, status, status, reason, record, at=clock.now())
