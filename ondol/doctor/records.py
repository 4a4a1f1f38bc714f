"""Asking for a check-up, and reading the last one. Nothing here calls AWS: a worker does."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q
from procrastinate import exceptions
from procrastinate.contrib.django import app

from ondol import clock
from ondol.doctor.findings import Finding
from ondol.doctor.models import CheckUp
from ondol.request_id import for_job

TASK = "ondol.doctor.check_up"
TAKES_AT_MOST = timedelta(minutes=2)
"""Real time. A check-up takes seconds, and a minute if nothing answers."""


@dataclass(frozen=True, slots=True)
class Record:
    """The last check-up."""

    at: datetime | None
    is_asked_for: bool
    """True if another check-up is requested."""
    findings: list[Finding]


def ask(after_seconds: int = 0) -> None:
    """Enqueue a check-up, unless one is waiting already."""
    with transaction.atomic():
        CheckUp.objects.update_or_create(only=True, defaults={"asked_at": clock.real_now()})
        try:
            with transaction.atomic():
                wait = {"seconds": after_seconds} if after_seconds else None
                app.configure_task(TASK, queueing_lock=TASK, queue="periodic", schedule_in=wait).defer(**for_job())
        except exceptions.AlreadyEnqueued:
            pass


def keep(findings: list[Finding], began: datetime) -> None:
    """Save the findings of a check-up that began then, unless a later one is there already."""
    row, _ = CheckUp.objects.get_or_create(only=True)
    older = CheckUp.objects.filter(Q(began_at=None) | Q(began_at__lt=began), pk=row.pk)
    older.update(began_at=began, at=clock.now(), findings=[finding.to_json() for finding in findings])


def last() -> Record:
    """Return what a worker has found last."""
    row = CheckUp.objects.first() or CheckUp()
    asked, began = row.asked_at, row.began_at
    is_due = asked is not None and (began is None or began < asked) and clock.real_now() - asked < TAKES_AT_MOST
    return Record(row.at, is_due, [Finding.from_json(stored) for stored in row.findings])
