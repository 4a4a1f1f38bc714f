"""Allowed hours: what runs on after a closing time is stopped, unless its owner has said otherwise."""

from dataclasses import dataclass
from datetime import datetime
from functools import partial

from ondol import clock
from ondol.autostop.forecast import MIN_NOTICE
from ondol.instances import actions
from ondol.instances.lifecycle import Reason, Status
from ondol.instances.models import Instance
from ondol.policy.hours import Hours
from ondol.policy.models import Policy
from ondol.policy.rules import rules_for


@dataclass(frozen=True, slots=True)
class Closing:
    """The closing time that a machine meets next."""

    at: datetime
    stops_at: datetime
    """Later, where the machine is kept awake beyond it, or the hours were set only just."""
    is_waived: bool


def closing(instance: Instance, hours: Hours | None, now: datetime) -> Closing | None:
    """Return the next closing, or one that is over if the machine still has to be stopped for it; None: there is none.

    A machine that was started after it is not concerned: a person's act comes before the schedule.
    """
    if hours is None:
        return None
    at = hours.last_close(now)
    began = instance.run.launched_at or instance.run.began_at
    if hours.is_open(now) or at is None or began >= at or _is_waived(instance, at):
        at = hours.next_close(now)
    if at is None:
        return None
    stops_at = max(at, instance.run.awake_until or at, hours.set_at + MIN_NOTICE if hours.set_at else at)
    if hours.is_open(stops_at):  # it is let run over this one altogether
        at = stops_at = hours.next_close(stops_at) or stops_at
    return Closing(at, stops_at, _is_waived(instance, at))


def is_due(instance: Instance, hours: Hours | None, now: datetime) -> bool:
    """Whether it is to be stopped now: it ran before the closing time, and runs on."""
    close = closing(instance, hours, now)
    return close is not None and not close.is_waived and close.stops_at <= now


def check() -> None:
    """Stop what has to be stopped; twice is once. One small query where nobody has hours."""
    if not Policy.objects.filter(has_hours=True).exists():
        return
    now = clock.now()
    rows = list(Instance.objects.filter(status=Status.RUNNING).select_related("owner", "run"))
    rules = rules_for({row.owner_id for row in rows})
    for row in rows:
        due = partial(is_due, hours=rules[row.owner_id].hours, now=now)
        if due(row):
            actions.stop_by_rule(row.owner, Reason.SCHEDULE, due)


def _is_waived(instance: Instance, close: datetime) -> bool:
    # Or an earlier one, where the hours have changed meanwhile.
    return instance.run.waived_close is not None and instance.run.waived_close >= close
