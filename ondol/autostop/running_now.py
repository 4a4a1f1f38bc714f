"""What a change of rules does to the machines that run now."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from ondol.accounts.models import User
from ondol.autostop import schedule
from ondol.instances.models import Instance
from ondol.instances.states import Status
from ondol.policy.hours import Hours
from ondol.policy.rules import Rules


@dataclass(slots=True)
class Running:
    """The machines that run now and whose rules about stops change. The replay does not cover them."""

    machines: int = 0
    closing: list[tuple[datetime, User]] = field(default_factory=list)
    """Closing times of the proposed rules for machines that the present rules would stop later, with their owners."""


def running_now(
    people: Collection[int | None],
    before: Mapping[int | None, Rules],
    after: Mapping[int | None, Rules],
    now: datetime,
) -> Running:
    """Return which of these people's machines run, and which the rules after a change would stop sooner."""
    found = Running()
    rows = Instance.objects.filter(owner__in=people, status=Status.RUNNING).select_related("owner", "run")
    for row in rows.order_by("pk"):
        found.machines += 1
        hours = after[row.owner_id].hours
        # As if saved now: new hours stop no machine within the first minutes.
        then = _closes(row, hours and replace(hours, set_at=now), now)
        present = _closes(row, before[row.owner_id].hours, now)
        if then and (present is None or then < present):
            found.closing.append((then, row.owner))
    found.closing.sort(key=lambda one: one[0])
    return found


def _closes(row: Instance, hours: Hours | None, now: datetime) -> datetime | None:
    close = schedule.closing(row, hours, now)
    return close.stops_at if close and not close.is_waived else None
