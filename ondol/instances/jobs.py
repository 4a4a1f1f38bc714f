"""The job that reconciles a machine with AWS: how it is enqueued, and who has one waiting."""

from collections.abc import Collection

from django.db import connection, transaction
from procrastinate import exceptions as procrastinate_errors
from procrastinate.contrib.django import app

from ondol.instances.models import Instance
from ondol.priorities import MANY, SOMEBODY_WAITS, USUAL
from ondol.request_id import for_job

RECONCILE = "ondol.instances.reconcile"
_OVERTAKE = """
UPDATE procrastinate_jobs SET priority = %s WHERE queueing_lock = %s AND status = 'todo' AND priority < %s
"""
_WAITING = """
SELECT queueing_lock FROM procrastinate_jobs WHERE status = 'todo' AND queueing_lock = ANY(%s) AND priority >= %s
"""


def enqueue(instance: Instance, priority: int = USUAL) -> None:
    """Enqueue the reconciliation of this machine, in the caller's transaction. If one waits already, it gets the higher
    priority of the two."""
    lock = _lock_of(instance)
    try:
        with transaction.atomic():  # a savepoint: the refusal must not undo the caller's change
            app.configure_task(RECONCILE, lock=lock, queueing_lock=lock, queue="instances", priority=priority).defer(
                row=str(instance.pk), **for_job()
            )
    except procrastinate_errors.AlreadyEnqueued:
        if priority > MANY:
            with connection.cursor() as cursor:
                cursor.execute(_OVERTAKE, [priority, lock, priority])


def enqueue_now(instance: Instance, priority: int = SOMEBODY_WAITS) -> None:
    """Enqueue the job after a request: whatever was put off is tried at once."""
    Instance.objects.filter(pk=instance.pk).update(next_at=None)
    enqueue(instance, priority)


def without_job(instances: Collection[Instance], priority: int = USUAL) -> list[Instance]:
    """Return those without a waiting job of this or a higher priority; call it after the commit of what the job shall
    see. A thousand machines that wait for Amazon's quota are checked every two seconds: none needs a second job."""
    locks = [_lock_of(instance) for instance in instances]
    if not locks:
        return []
    with connection.cursor() as cursor:
        cursor.execute(_WAITING, [locks, priority])
        waiting = {lock for (lock,) in cursor.fetchall()}
    return [instance for instance in instances if _lock_of(instance) not in waiting]


def _lock_of(instance: Instance) -> str:
    return f"instance:{instance.pk}"
