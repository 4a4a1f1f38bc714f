"""Whether the mail server answers. While it does not, one e-mail at a time is tried, and the others wait."""

import logging
from datetime import datetime, timedelta

from django.db import transaction

from ondol import clock
from ondol.outbox.causes import Cause, DeliveryError
from ondol.outbox.models import MailServerState
from ondol.outbox.smtp import SESSION

log = logging.getLogger(__name__)

PAUSES = (10, 30, 60, 120, 300)
"""The seconds until the next try, by the number of failures. E-mails about a stop are sent 12 minutes before it, so the
longest pause is five minutes."""
_TRY = timedelta(seconds=SESSION + 20)


def state() -> MailServerState:
    """Return what is known of the mail server."""
    return MailServerState.objects.first() or MailServerState()


def await_turn() -> DeliveryError | None:
    """Return why this e-mail has to wait, if it has to; otherwise it is this one's turn to try."""
    now = clock.real_now()
    if state().failing_since is None:
        return None
    due = MailServerState.objects.filter(next_try_at__lte=now, failing_since__isnull=False)
    if due.update(next_try_at=now + _TRY):
        return None
    known = state()
    if known.failing_since is None:  # the server has answered another e-mail meanwhile
        return None
    error = DeliveryError(Cause(known.cause), known.answer)
    error.was_tried, error.retry_at = False, known.next_try_at
    return error


def note_answer(*, is_delivered: bool) -> None:
    """Save that the server works; and that an e-mail was delivered, if it was."""
    now = clock.real_now()
    with transaction.atomic():
        row, _ = MailServerState.objects.select_for_update().get_or_create(only=True)
        since, row.failing_since = row.failing_since, None
        row.failures, row.next_try_at, row.cause, row.answer = 0, None, "", ""
        if is_delivered:
            row.delivered_at = now
        row.save()
    if since:
        log.info("the mail server takes e-mails again", extra={"failing_since": since.isoformat()})


def note_failure(error: DeliveryError) -> datetime:
    """Save that nothing can be delivered, and why; return when the next try is due."""
    now = clock.real_now()
    with transaction.atomic():
        row, _ = MailServerState.objects.select_for_update().get_or_create(only=True)
        is_news = row.failing_since is None or row.cause != error.cause
        row.failing_since = row.failing_since or now
        pause = PAUSES[min(row.failures, len(PAUSES) - 1)]
        row.failures, row.cause, row.answer = row.failures + 1, error.cause, error.answer
        row.next_try_at = at = now + timedelta(seconds=pause)
        row.save()
    if is_news:
        log.warning("no e-mail can be delivered", extra={"cause": error.cause, "answer": error.answer})
    return at


def try_now() -> None:
    """Let the next e-mail be tried at once: a probe has shown that the server answers."""
    MailServerState.objects.filter(failing_since__isnull=False).update(next_try_at=clock.real_now(), failures=0)
