"""Who did what: changes of machines and decisions about people, told in one line each."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ondol.accounts.models import Decision, User
from ondol.instances.lifecycle import Reason
from ondol.instances.models import StatusChange, StatusChoices

_DECISIONS = {
    "APPROVED": gettext_lazy("approved"),
    "REJECTED": gettext_lazy("rejected"),
    "SUSPENDED": gettext_lazy("suspended"),
    "ADMIN": gettext_lazy("made administrator"),
    "MEMBER": gettext_lazy("made member"),
}
_REASONS = {
    Reason.IDLE: gettext_lazy("idle"),
    Reason.BUDGET: gettext_lazy("budget used up"),
    Reason.SCHEDULE: gettext_lazy("hours over"),
    Reason.INSIDE: gettext_lazy("from inside"),
    Reason.OUTSIDE: gettext_lazy("outside Ondol"),
    Reason.UNREACHABLE: gettext_lazy("SSH not answering yet"),
    Reason.TOO_LATE: gettext_lazy("too late"),
    Reason.LAUNCH_FAILED: gettext_lazy("launch failed"),
    Reason.STOP_FAILED: gettext_lazy("stop failed"),
    Reason.NO_CAPACITY: gettext_lazy("no capacity"),
    Reason.QUOTA: gettext_lazy("quota"),
    Reason.REFUSED: gettext_lazy("refused"),
}


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that happened. Without `by`, nobody's hand was in it."""

    at: datetime
    whom: User
    what: str
    why: str
    by: User | None


def told(decisions: QuerySet[Decision], changes: QuerySet[StatusChange], most: int = 100) -> list[Line]:
    """The newest of both, newest first."""
    lines = [_decision(decision) for decision in decisions[:most]] + [_change(change) for change in changes[:most]]
    return sorted(lines, key=lambda line: line.at, reverse=True)[:most]


def _decision(decision: Decision) -> Line:
    what = str(_DECISIONS.get(decision.what, decision.what))
    return Line(decision.at, decision.user, what, decision.reason, decision.by)


def _change(change: StatusChange) -> Line:
    word = str(StatusChoices(change.new).label)
    why = _REASONS.get(Reason(change.reason))
    return Line(
        change.at, change.instance.owner, _("machine: %(status)s") % {"status": word}, str(why or ""), change.by
    )
