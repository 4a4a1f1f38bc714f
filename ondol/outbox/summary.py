"""What is on its way, what waits and what was given up, in numbers and one by one."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q
from procrastinate.contrib.django.models import ProcrastinateJob

from ondol import clock
from ondol.outbox import state
from ondol.outbox.causes import OF_LETTER, SENTENCES, Cause
from ondol.outbox.models import UndeliveredEmail

OFTEN = 3
"""How many tries of an e-mail are worth a warning: servers let new senders try twice."""
SHOWN = 100


@dataclass(frozen=True, slots=True)
class Summary:
    """The outbox in numbers. Times are on the machines' clock, as pages show all times."""

    delivered_at: datetime | None
    failing_since: datetime | None
    cause: str
    """A sentence in the reader's language; empty while e-mails can be delivered."""
    answer: str
    waiting: int
    given_up: int


def summary() -> Summary:
    """Return the outbox in numbers."""
    known = state.state()
    waiting = ProcrastinateJob.objects.filter(queue_name="mail", status__in=["todo", "doing"]).count()
    given_up = UndeliveredEmail.objects.filter(given_up_at__isnull=False).count()
    cause = str(SENTENCES[Cause(known.cause)]) if known.cause else ""
    return Summary(
        _shown(known.delivered_at), _shown(known.failing_since), cause, known.answer, waiting, given_up
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Undelivered:
    """One e-mail that was tried and not delivered."""

    pk: int
    to: str
    subject: str
    sentence: str
    answer: str
    since: datetime | None
    is_given_up: bool


def undelivered() -> list[Undelivered]:
    """Return the e-mails that were given up, then those that are tried again; the oldest first, a hundred at most."""
    return [_one(row) for row in UndeliveredEmail.objects.order_by("given_up_at", "since")[:SHOWN]]  # NULL is last


def is_alarming() -> bool:
    """Return whether administrators should look: e-mails wait for the server, or one was not delivered in three tries.

    Each page asks, so it is one query.
    """
    urgent = Q(given_up_at__isnull=False) | Q(tries__gte=OFTEN) | ~Q(cause__in=OF_LETTER)
    return UndeliveredEmail.objects.filter(urgent).exists()


def _one(row: UndeliveredEmail) -> Undelivered:
    return Undelivered(
        row.pk, row.to or row.task, row.subject, str(SENTENCES[Cause(row.cause)]), row.answer, _shown(row.since),
        row.given_up_at is not None,
    )  # fmt: skip


def _shown(real: datetime | None) -> datetime | None:
    return None if real is None else clock.clock().at(real.timestamp())
