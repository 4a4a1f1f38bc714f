"""Procrastinate's tasks: thin, they only call the rest. Loaded by the worker alone, which holds AWS's credentials."""

import logging
from functools import cache, partial

from django.db import connection
from procrastinate import JobContext, RetryStrategy
from procrastinate.contrib.django import app

from ondol.accounts.models import User
from ondol.cloud.aws import AwsCloud
from ondol.cloud.errors import CloudError
from ondol.cloud.port import Cloud
from ondol.config import config
from ondol.instances import alerts
from ondol.instances.actions import RECONCILE
from ondol.instances.acts import LeaseLost
from ondol.instances.alerts import tell_of_lasting_trouble
from ondol.instances.deployment import deployment_id
from ondol.instances.health import note_trouble, trouble_is_over
from ondol.instances.look import look as look_at
from ondol.instances.place import settle_in
from ondol.instances.reconcile import reconcile as reconcile_row
from ondol.instances.sweep import sweep as sweep_away

log = logging.getLogger(__name__)


@cache
def cloud() -> Cloud:
    """This worker's AWS clients; making them takes a second and some 30 MB. Raises WrongPlace."""
    made = AwsCloud.from_config(config(), deployment_id())
    settle_in(made.place())
    return made


@app.task(name=RECONCILE, queue="instances", pass_context=True)
def reconcile(context: JobContext, row: str) -> None:
    """One machine. No `retry=`: back-off lives on the row, and the looks enqueue what is due."""
    try:
        reconcile_row(row, cloud(), partial(hold, context))
    except LeaseLost:
        log.warning("another worker has taken over", extra={"row": row})
    except CloudError as error:  # from `cloud()`: nothing was begun, and the looks ask again
        log.warning("AWS cannot be asked", extra={"row": row, "code": error.code, "kind": type(error).__name__})


@app.periodic(cron="* * * * * */2")
@app.task(name="ondol.instances.look", queue="look", lock="look", queueing_lock="look")
def look(timestamp: int) -> None:
    """Every two seconds; without a call to AWS while nothing changes, but for one in half a minute."""
    try:
        if look_at(cloud()):
            trouble_is_over()
    except CloudError as error:
        log.warning("AWS could not be looked at", extra={"code": error.code, "kind": type(error).__name__})
        note_trouble(type(error).__name__, error.code)
        tell_of_lasting_trouble()


@app.periodic(cron="*/10 * * * *")
@app.task(name="ondol.instances.sweep", queue="look", lock="sweep", queueing_lock="sweep")
def sweep(timestamp: int) -> None:
    """Every ten minutes: what has leaked, and what somebody has changed in the console."""
    try:
        sweep_away(cloud())
    except CloudError as error:
        log.warning("AWS could not be swept", extra={"code": error.code, "kind": type(error).__name__})


@app.task(name=alerts.TASK, queue="mail", retry=RetryStrategy(max_attempts=8, exponential_wait=3))
def alert(kind: str, to: int) -> None:
    """Write one letter to an administrator."""
    if reader := User.objects.filter(pk=to).first():
        alerts.send(kind, reader)


@app.periodic(cron="17 4 * * *")
@app.task(name="ondol.instances.purge", queue="look", queueing_lock="purge")
async def purge(timestamp: int) -> None:
    """Every night: jobs that ended more than three days ago."""
    await app.job_manager.delete_old_jobs(nb_hours=72, include_failed=True, include_cancelled=True)


def hold(context: JobContext, /) -> None:
    """Fence: raise LeaseLost unless this job is still ours. The lock alone is not safe: a frozen worker may come back.

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
            raise LeaseLost
