"""Whether AWS answers, and since when what the pages show is unconfirmed. Reaches no cloud; the worker writes it."""

from datetime import UTC, datetime, timedelta

from django.db.models import Q

from ondol import clock
from ondol.deployment.models import Deployment

STALE_AFTER = timedelta(seconds=90)
"""The time is real time. All machines are observed every half minute."""


def confirm(at: datetime) -> None:
    """Save that all machines were seen at this moment of their clock."""
    Deployment.current().update(confirmed_at=at)


def trouble_is_over() -> None:
    """Save that an observation has succeeded, alarms and all."""
    Deployment.current().exclude(trouble="").update(
        trouble="", trouble_code="", trouble_since=None, trouble_told_at=None
    )


def note_trouble(kind: str, code: str) -> None:
    """Save that an observation has failed: the class of `cloud.errors`, and AWS's code."""
    Deployment.current().filter(trouble_since=None).update(trouble_since=datetime.now(UTC))
    Deployment.current().exclude(Q(trouble=kind[:16]) & Q(trouble_code=code[:80])).update(
        trouble=kind[:16], trouble_code=code[:80]
    )


def unconfirmed_since() -> datetime | None:
    """Return when all machines were last seen, on their clock, if that is too long ago; else None."""
    seen = Deployment.objects.values_list("confirmed_at", flat=True).first()
    stale = clock.real_seconds(STALE_AFTER.total_seconds())
    return seen if seen is not None and clock.now() - seen > stale else None
