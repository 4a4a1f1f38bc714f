"""What is done for every job: it is counted, logged, and run under the id of its request."""

import logging
import time
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

from procrastinate import JobContext
from procrastinate.worker import Worker

from ondol import metrics
from ondol.request_id import job_id, request_id

log = logging.getLogger("ondol.job")


class PutOff(Exception):
    """Raised by a job that has to wait until `at`, and has not failed."""

    def __init__(self, at: datetime) -> None:
        super().__init__()
        self.at = at


async def follow(call_next: Callable[[], Awaitable[Any]], context: JobContext, worker: Worker) -> Any:
    """Run one job. Procrastinate runs each in an asyncio task of its own, and what is set here ends with that.

    The request's id is an extra argument, which is removed before the task is called.
    """
    job, began, outcome = context.job, time.perf_counter(), "failed"
    has_asker = "request_id" in job.task_kwargs
    request_id.set(str(job.task_kwargs.pop("request_id", "")))
    job_id.set(job.id)
    try:
        result = await call_next()
        outcome = "ok"
        return result
    except PutOff:
        outcome = "put_off"
        raise
    finally:
        seconds = time.perf_counter() - began
        metrics.JOBS.labels(job.task_name, outcome).inc()
        metrics.JOB_SECONDS.labels(job.task_name).observe(seconds)
        # Several periodic jobs run each second; Procrastinate logs failures, with their traceback.
        level = logging.INFO if has_asker else logging.DEBUG
        log.log(level, "job", extra={"task": job.task_name, "outcome": outcome, "ms": round(seconds * 1000)})
