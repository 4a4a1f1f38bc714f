"""The lease of a job: nothing is recorded by a worker whose job another one has taken over."""

from collections.abc import Callable

from django.db import connection
from procrastinate import JobContext

JobLease = Callable[[], None]
"""Raises JobLeaseLost, inside a transaction, unless this job is still ours."""


class JobLeaseLost(Exception):
    """Another worker has taken this job over, and records what we were about to record."""


def ensure_job_lease(context: JobContext, /) -> None:
    """Fence: raise JobLeaseLost unless this job is still ours. The lock alone is not safe: frozen workers come back.

    The row is locked FOR SHARE, so that nobody takes the job over before the caller's transaction has ended.
    """
    job = context.job
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT 1 FROM procrastinate_jobs"
            " WHERE id = %s AND status = 'doing' AND worker_id = %s AND attempts = %s FOR SHARE",
            [job.id, job.worker_id, job.attempts],
        )
        if cursor.fetchone() is None:
            raise JobLeaseLost
