"""Procrastinate's tasks: thin, they only call the rest. Loaded by the worker alone, which holds AWS's credentials."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from procrastinate import JobContext
from procrastinate.contrib.django import app

from ondol.accounts.models import User
from ondol.cloud.errors import CloudError
from ondol.deployment import alerts
from ondol.deployment.alerts import notify_of_lasting_trouble
from ondol.deployment.connection import cloud
from ondol.deployment.health import OBSERVING, note_trouble, trouble_is_over
from ondol.instances import admin_letters, key_letters
from ondol.instances.jobs import RECONCILE
from ondol.nightly import at_night
from ondol.outbox.jobs import letter_task
from ondol.pace import cron_of
from ondol.priorities import AT_ONCE, BY_THE_CLOCK
from ondol.reconciler.job_lease import JobLeaseLost, ensure_job_lease
from ondol.reconciler.observe import ALL_EVERY, is_time_for_all
from ondol.reconciler.observe import observe as look_at
from ondol.reconciler.observe import observe_all as look_at_all
from ondol.reconciler.orphans import sweep as sweep_away
from ondol.reconciler.reconcile import reconcile as reconcile_row
from ondol.reconciler.retag import retag

log = logging.getLogger(__name__)


@app.task(name=RECONCILE, queue="instances", pass_context=True)
def reconcile(context: JobContext, row: str) -> None:
    """Reconcile one machine. No `retry=`: the row has the back-off, and observations enqueue what is due."""
    try:
        reconcile_row(row, cloud(), partial(ensure_job_lease, context))
    except JobLeaseLost:
        log.warning("another worker has taken over", extra={"row": row})
    except CloudError as error:  # from `cloud()`: nothing was begun, and observations try again
        log.warning("AWS cannot be asked", extra={"row": row, "code": error.code, "kind": type(error).__name__})


@app.periodic(cron="* * * * * */2")
@app.task(name="ondol.instances.look", queue="periodic", lock=OBSERVING, queueing_lock=OBSERVING, priority=AT_ONCE)
def observe(timestamp: int) -> None:
    """Observe every two seconds; with one call to AWS while nothing changes, and none if there are no machines."""
    with _told():
        look_at(cloud())


@app.periodic(cron=cron_of(ALL_EVERY))
@app.task(
    name="ondol.instances.look_at_all", queue="periodic", lock="look_at_all", queueing_lock="look_at_all",
    priority=BY_THE_CLOCK,
)  # fmt: skip
def observe_all(timestamp: int) -> None:
    """Observe all machines every half minute; a job of its own, since ten thousand machines take long."""
    with _told():
        if is_time_for_all():
            look_at_all(cloud())
            trouble_is_over()


@contextmanager
def _told() -> Iterator[None]:
    """Note that AWS could not be observed."""
    try:
        yield
    except CloudError as error:
        log.warning("AWS could not be looked at", extra={"code": error.code, "kind": type(error).__name__})
        note_trouble(type(error).__name__, error.code)
        notify_of_lasting_trouble()


@app.periodic(cron="*/10 * * * *")
@app.task(name="ondol.instances.sweep", queue="periodic", lock="sweep", queueing_lock="sweep")
def sweep(timestamp: int) -> None:
    """Find, every ten minutes, what has leaked, and what somebody has changed in the console."""
    try:
        sweep_away(cloud())
        retag(cloud())
    except CloudError as error:
        log.warning("AWS could not be swept", extra={"code": error.code, "kind": type(error).__name__})


@letter_task(alerts.TASK)
def alert(kind: str, to: int, secret: str = "", owner: str = "", row: str = "") -> None:
    """Send one e-mail to an administrator."""
    if reader := User.objects.filter(pk=to).first():
        alerts.send(kind, reader, secret=secret, owner=owner, row=row)


@letter_task(key_letters.TASK)
def key_letter(row: str) -> None:
    """Tell somebody that the key of their machine was replaced."""
    key_letters.tell(row)


@letter_task(admin_letters.TASK)
def done_by_administrator(act: str, owner: int, by: int) -> None:
    """Tell somebody what an administrator has asked for about their machine."""
    admin_letters.tell(act, owner, by)


@app.periodic(cron=at_night("04:17"))
@app.task(name="ondol.instances.purge", queue="periodic", queueing_lock="purge")
async def purge(timestamp: int) -> None:
    """Delete jobs that ended more than three days ago, every night."""
    await app.job_manager.delete_old_jobs(nb_hours=72, include_failed=True, include_cancelled=True)
