"""How a page puts off a stop: what is offered, what was wished, when the hours end, and that auto-stop is armed."""

from dataclasses import dataclass
from datetime import datetime

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from ondol.autostop.awake import choices
from ondol.autostop.schedule import Closing, closing
from ondol.instances.lifecycle import Status
from ondol.instances.models import Instance
from ondol.policy.rules import Rules

_SPANS: dict[str, str | Promise] = {"1h": _("1 hour"), "4h": _("4 hours")}


@dataclass(frozen=True, slots=True)
class Offered:
    """A button."""

    name: str
    span: str | Promise
    """`4 hours`; empty where the time says it all."""
    until: datetime


@dataclass(frozen=True, slots=True)
class Awake:
    """Of a machine that runs, or will."""

    until: datetime | None
    """It is kept awake until then; None: it is not."""
    offered: list[Offered]
    closing: Closing | None
    is_armed: bool
    shown_at: datetime | None
    """When AWS last showed its alarm."""
    is_running: bool


def awake_of(row: Instance, rules: Rules, now: datetime) -> Awake:
    """Return how the stop of a machine that runs, or will, is put off."""
    return Awake(
        until=row.kept_awake_until(now),
        offered=[Offered(one.name, _SPANS.get(one.name, ""), one.until) for one in choices(rules, now)],
        closing=closing(row, rules.hours, now),
        is_armed=row.is_armed,
        shown_at=row.run.alarm_verified_at,
        is_running=row.status == Status.RUNNING,
    )
