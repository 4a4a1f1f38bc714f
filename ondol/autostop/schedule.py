"""Allowed hours: machines that run after a closing time are stopped, unless their owner has said otherwise."""

from datetime import datetime
from functools import partial

from ondol import clock
from ondol.autostop.closing import Closing, closing_of
from ondol.instances import actions
from ondol.instances.models import Instance
from ondol.instances.states import Reason, Status
from ondol.policy.hours import Hours
from ondol.policy.models import Policy
from ondol.policy.rules import rules_for


def closing(instance: Instance, hours: Hours | None, now: datetime) -> Closing | None:
    """Return the next closing, or a past one for which it is still to be stopped; None if there is none."""
    run = instance.run
    return closing_of(run.launched_at or run.began_at, run.awake_until, run.waived_close, hours, now)


def is_due(instance: Instance, hours: Hours | None, now: datetime) -> bool:
    """Return whether it is to be stopped now: it ran before the closing time, and still runs."""
    close = closing(instance, hours, now)
    return close is not None and not close.is_waived and close.stops_at <= now


def check() -> None:
    """Stop the machines whose hours are over. It may run twice. One small query if nobody has hours."""
    if not Policy.objects.filter(has_hours=True).exists():
        return
    now = clock.now()
    rows = list(Instance.objects.filter(status=Status.RUNNING).select_related("owner", "run"))
    rules = rules_for({row.owner_id for row in rows})
    for row in rows:
        due = partial(is_due, hours=rules[row.owner_id].hours, now=now)
        if due(row):
            actions.stop_by_rule(row.owner, Reason.SCHEDULE, due)
