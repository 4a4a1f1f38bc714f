"""Actions in one line each: changes of machines, and decisions about people."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ondol.accounts.models import Decision, User
from ondol.instances.messages.reasons import REASONS
from ondol.instances.messages.statuses import STATUSES
from ondol.instances.models import StatusChange
from ondol.instances.states import Reason, Status
from ondol.policy.models import PolicyChange
from ondol.web.policy.facts import changed

_DECISIONS = {
    "APPROVED": gettext_lazy("approved"),
    "REJECTED": gettext_lazy("rejected"),
    "SUSPENDED": gettext_lazy("suspended"),
    "ADMIN": gettext_lazy("made administrator"),
    "MEMBER": gettext_lazy("made member"),
    "INVITED": gettext_lazy("invited"),
    "VOUCHED": gettext_lazy("vouched for the address"),
}


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that happened. Without `whom`, it is about everybody."""

    at: datetime
    whom: User | None
    what: str
    why: str
    by: User | None
    without: str = ""
    """The words instead of a person if nobody in Ondol did it; empty if there is nothing to say."""


def told(
    decisions: QuerySet[Decision],
    changes: QuerySet[StatusChange],
    policies: QuerySet[PolicyChange],
    most: int = 100,
) -> list[Line]:
    """Return the newest of all, newest first."""
    lines = [_decision(decision) for decision in decisions[:most]] + [_change(change) for change in changes[:most]]
    lines += policy_lines(policies[:most])
    return sorted(lines, key=lambda line: line.at, reverse=True)[:most]


def _decision(decision: Decision) -> Line:
    what = str(_DECISIONS.get(decision.what, decision.what))
    without = _("by the rule %(rule)s") % {"rule": decision.rule} if decision.rule else _("on the command line")
    return Line(decision.at, decision.user, what, decision.reason, decision.by, without)


def policy_lines(policies: Iterable[PolicyChange]) -> list[Line]:
    """Yield the changes of rules."""
    return [Line(one.at, one.owner, _("rules changed"), changed(one.what), one.by) for one in policies]


def _change(change: StatusChange) -> Line:
    reason = REASONS[Reason(change.reason)]
    what, why = _("machine: %(status)s") % {"status": STATUSES[Status(change.new)].badge}, str(reason.short)
    if change.new == change.old:
        what, size = str(reason.listed), change.record.size
        why = f"{size.instance_type}, {size.volume_gib} GiB" if size else ""
    without = _("by itself") if reason.is_by_itself else ""
    return Line(change.at, change.instance.owner, what, why, change.by, without)
