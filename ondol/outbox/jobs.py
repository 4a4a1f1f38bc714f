"""What all jobs that send e-mails share: they retry for days, and report what they give up.

A job that is interrupted between the server's answer and its record sends the e-mail again: twice is better than never.
"""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, cast

from django.db import Error as DatabaseError
from django.db import connection, transaction
from procrastinate import BaseRetryStrategy, JobContext, RetryDecision
from procrastinate.contrib.django import app
from procrastinate.jobs import Job

from ondol import clock
from ondol.jobs import PutOff
from ondol.outbox.backend import Busy, delivered
from ondol.outbox.causes import Cause, DeliveryError
from ondol.outbox.models import UndeliveredEmail
from ondol.request_id import for_job

log = logging.getLogger(__name__)

QUEUE = "mail"
TRIED_FOR = timedelta(days=5)
"""How long an e-mail is tried: mail servers have the same default."""
_MINUTES = (1, 5, 15, 30, 60, 120)
"""The minutes until the next try of an e-mail that the server refuses temporarily, as it does with new senders."""
_HOURS_UNCONFIRMED = (1, 4, 24)
"""The hours until the next try of an e-mail that may have arrived; only three, as each may send another copy."""


class _Patience(BaseRetryStrategy):
    """Tries again when `watch` says, or soon if the database was away."""

    def get_retry_decision(self, *, exception: BaseException, job: Job) -> RetryDecision | None:
        if isinstance(exception, PutOff):
            return RetryDecision(retry_at=exception.at)
        return RetryDecision(retry_in={"seconds": 30})


RETRY = _Patience()


def watch(call_next: Callable[[], Any], context: JobContext, worker: object) -> None:
    """Run the job of an e-mail (a task middleware of Procrastinate), and store what is not delivered."""
    delivered.set(False)
    try:
        call_next()
    except Busy as busy:
        raise PutOff(busy.retry_at) from None
    except DeliveryError as error:
        failure = error
    except DatabaseError:
        raise
    except Exception as unforeseen:
        log.exception("an e-mail could not be written", extra={"task": context.job.task_name})
        failure = DeliveryError(Cause.UNFORESEEN, type(unforeseen).__name__)
    else:
        _settle(context.job)
        return
    if at := _keep(context.job, failure):
        raise PutOff(at) from None


def letter_task(name: str) -> Callable[[Callable[..., None]], Any]:
    """Return the decorator of a job that sends an e-mail."""
    return app.task(name=name, queue=QUEUE, retry=RETRY, task_middleware=[watch])


def send_later(task: str, /, **arguments: Any) -> None:
    """Enqueue a job that sends an e-mail, in the caller's transaction. It goes on under the id of this request."""
    app.configure_task(task, queue=QUEUE).defer(**(arguments | for_job()))


def send_again(pk: int) -> bool:
    """Enqueue an e-mail that was given up; return whether there was one. It may run twice."""
    with transaction.atomic():
        row = UndeliveredEmail.objects.select_for_update().filter(pk=pk, given_up_at__isnull=False).first()
        if row is None:
            return False
        send_later(row.task, **row.args)
        row.delete()
    return True


def retry_failed(task: str) -> None:
    """Enqueue the failed jobs of a task again. It may run twice.

    The job of an e-mail fails finally in one case only: a worker of the previous version took it, and does not know its
    task. `watch` and RETRY handle all other cases.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT procrastinate_retry_job_v2(id, now(), NULL, NULL, NULL) FROM (SELECT id FROM procrastinate_jobs"
            " WHERE status = 'failed' AND task_name = %s FOR UPDATE SKIP LOCKED) AS failed",
            [task],
        )


def forget(pk: int) -> bool:
    """Drop an e-mail that was given up; return whether there was one."""
    return bool(UndeliveredEmail.objects.filter(pk=pk, given_up_at__isnull=False).delete()[0])


def _settle(job: Job) -> None:
    """Forget earlier failures; log it if the e-mail was out of date before it could be delivered."""
    if not job.attempts:
        return
    gone, _ = UndeliveredEmail.objects.filter(job=_id(job)).delete()
    if gone and not delivered.get():
        log.warning("an e-mail is not sent any more: it was out of date before it could be", extra=_shown(job))


def _keep(job: Job, error: DeliveryError) -> datetime | None:
    """Save why an e-mail was not delivered; return when it is tried again, None if it is given up."""
    now = clock.real_now()
    with transaction.atomic():
        row, _ = UndeliveredEmail.objects.select_for_update().get_or_create(
            job=_id(job), defaults={"task": job.task_name, "args": job.task_kwargs, "since": now}
        )
        row.tries += error.was_tried
        row.cause, row.answer = error.cause, error.answer
        row.to, row.subject = error.to[:320] or row.to, error.subject[:300] or row.subject
        row.next_try_at = _next_try(row, error, now)
        row.given_up_at = now if row.next_try_at is None else None
        row.save()
    told = {**_shown(job), "cause": error.cause, "answer": error.answer}
    if row.given_up_at:
        log.error("an e-mail is given up", extra=told)
    elif error.was_tried and not error.is_of_server:
        log.warning("an e-mail was not delivered, and is tried again", extra=told)
    return row.next_try_at


def _next_try(row: UndeliveredEmail, error: DeliveryError, now: datetime) -> datetime | None:
    if error.is_final or now - row.since > TRIED_FOR:
        return None
    if error.retry_at:
        return error.retry_at + timedelta(seconds=1)
    if error.cause is Cause.UNCONFIRMED:
        hours = dict(enumerate(_HOURS_UNCONFIRMED, 1)).get(row.tries)
        return now + timedelta(hours=hours) if hours else None
    return now + timedelta(minutes=_MINUTES[min(max(row.tries, 1), len(_MINUTES)) - 1])


def _id(job: Job) -> int:
    return cast(int, job.id)  # a job from the queue always has one


def _shown(job: Job) -> dict[str, object]:
    return {"job": job.id, "task": job.task_name}
