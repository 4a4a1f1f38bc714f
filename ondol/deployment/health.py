"""Whether AWS answers, and since when the data on pages is unconfirmed. The worker writes it; no calls to AWS here."""

from datetime import datetime, timedelta

from django.db.models import Exists, Q, QuerySet
from django.db.models.functions import Now
from procrastinate.contrib.django.models import ProcrastinateEvent

from ondol import clock
from ondol.database.kept import Kept
from ondol.deployment.models import Deployment

STALE_AFTER = timedelta(seconds=90)
"""The time is real time. All machines are observed every half minute."""
SILENT_AFTER = timedelta(seconds=20)
"""The real time after which an observation that has no answer is a problem; one takes a second."""
OBSERVING = "look"
"""The lock of the job that observes."""


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
    Deployment.current().filter(trouble_since=None).update(trouble_since=clock.real_now())
    Deployment.current().exclude(Q(trouble=kind[:16]) & Q(trouble_code=code[:80])).update(
        trouble=kind[:16], trouble_code=code[:80]
    )


def unconfirmed_since() -> datetime | None:
    """Return when all machines were last seen, on their clock, if AWS has not answered since; else None.

    AWS does not answer if the last observation is too old, if observations fail, or if one is still waiting: a call
    that hangs takes a minute and a half before it fails.
    """
    told = _TOLD.rows()
    if not told:
        return None
    seen, failing_since, is_waiting = told[0]
    is_failing = failing_since is not None and clock.real_now() - failing_since > SILENT_AFTER
    if seen is None:
        return clock.now() - clock.real_seconds(SILENT_AFTER.total_seconds()) if is_waiting else None
    is_old = clock.now() - seen > clock.real_seconds(STALE_AFTER.total_seconds())
    return seen if is_old or is_failing or is_waiting else None


def is_waiting() -> bool:
    """Return whether an observation has asked AWS, and waits for an answer for too long already."""
    return _waiting().exists()


def _waiting() -> QuerySet[ProcrastinateEvent]:
    # Read by the lock: procrastinate has an index on it for jobs under way.
    return ProcrastinateEvent.objects.filter(
        job__lock=OBSERVING, job__status="doing", type="started", at__lt=Now() - SILENT_AFTER
    )


_TOLD = Kept[Deployment](
    lambda: Deployment.objects.values_list("confirmed_at", "trouble_since", Exists(_waiting())).order_by("pk")[:1]
)
