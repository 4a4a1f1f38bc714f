"""How a page offers to postpone the stop of a machine: the choices, the present wish, the closing time, the alarm."""

from dataclasses import dataclass
from datetime import datetime

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from ondol.autostop.awake import choices
from ondol.autostop.closing import Closing
from ondol.autostop.schedule import closing
from ondol.instances.models import Instance
from ondol.instances.states import Status
from ondol.policy.rules import Rules
from ondol.policy.threshold import Threshold

_SPANS: dict[str, str | Promise] = {"1h": _("1 hour"), "4h": _("4 hours")}


@dataclass(frozen=True, slots=True)
class Offered:
    """A button."""

    name: str
    span: str | Promise
    """The time span, such as `4 hours`; empty if the time says it all."""
    until: datetime


@dataclass(frozen=True, slots=True)
class Awake:
    """How the stop of a machine that runs is postponed."""

    until: datetime | None
    """The time until which it is kept awake; None if it is not."""
    offered: list[Offered]
    closing: Closing | None
    is_armed: bool
    """True as soon as an alarm counts for this run: while it is replaced, the last one counts."""
    shown_at: datetime | None
    """The time at which AWS last showed its alarm."""
    rules: Rules
    threshold: Threshold
    """The threshold by the present rules; the alarm in AWS follows within seconds."""


def awake_of(row: Instance, rules: Rules, now: datetime) -> Awake | None:
    """Return how the stop of a machine is postponed; None unless it runs."""
    if row.status != Status.RUNNING:
        return None
    return Awake(
        until=row.kept_awake_until(now),
        offered=[Offered(one.name, _SPANS.get(one.name, ""), one.until) for one in choices(rules, now)],
        closing=closing(row, rules.hours, now),
        is_armed=row.run.is_armed_for_start and row.run.ended_at is None,
        shown_at=row.run.alarm_verified_at,
        rules=rules,
        threshold=Threshold.by_rule(rules.idle_core_percent, row.instance_type),
    )
