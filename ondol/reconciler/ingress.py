"""Who may reach a machine by SSH: its security group is made equal to what is wished for, and kept so."""

import logging
from collections.abc import Callable, Collection, Iterable
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from ondol import clock
from ondol.accounts.models import User
from ondol.cloud.errors import Gone, NotYet
from ondol.cloud.port import Cloud, always
from ondol.instances.jobs import enqueue
from ondol.instances.models import Instance
from ondol.instances.ssh_ranges import wished, wished_by
from ondol.reconciler.job_lease import JobLease
from ondol.reconciler.lag import is_fresh

log = logging.getLogger(__name__)


AGAIN = (timedelta(seconds=5), timedelta(minutes=1))
"""Real time. After these times since a range was closed, the group is compared again: a call of a frozen or killed
worker may take effect later than that of the worker that took over its job."""


def make_equal(instance: Instance, cloud: Cloud, ensure_job_lease: JobLease) -> None:
    """Let in what is wished for now and nothing else, and record that.

    A group that is gone lets nobody in. One that was created less than a minute ago may not be shown yet: NotYet.
    """

    def still_ours() -> None:
        with transaction.atomic():
            ensure_job_lease()

    ranges = wished(User.objects.get(pk=instance.owner_id))
    try:
        set_group(instance, instance.security_group_id, ranges, cloud, still_ours)
    except Gone as error:
        if is_fresh(instance):
            raise NotYet(error.code, error.text) from error
    with transaction.atomic():
        ensure_job_lease()
        Instance.objects.filter(pk=instance.pk, client_token=instance.client_token).update(**noted(instance, ranges))


def set_group(
    instance: Instance, group_id: str, ranges: Collection[str], cloud: Cloud, still_ours: Callable[[], None] = always
) -> None:
    """Make the group equal to `ranges`. Only `still_ours` reads the database, so it may run in a thread."""
    change = cloud.set_ssh(group_id, ranges, still_ours)
    if change.opened or change.closed:
        told = {"row": str(instance.pk), "opened": ", ".join(change.opened), "closed": ", ".join(change.closed)}
        log.info("the security group lets in what is wished for", extra=told)


def noted(instance: Instance, ranges: Collection[str]) -> dict[str, Any]:
    """Return what to record once the group is equal to `ranges`; to be called in the transaction that saves it.

    A change of what is wished for waits for this row, and sees what is recorded here. If the change came first, the
    group is to be made equal once more.
    """
    row = Instance.objects.select_for_update().get(pk=instance.pk)
    is_still_so = wished(User.objects.get(pk=instance.owner_id)) == tuple(ranges)
    now, doubted_at = clock.now(), row.group_doubted_at
    if set(row.ssh_ranges) - set(ranges):
        doubted_at = now
    elif doubted_at and doubted_at + clock.real_seconds(AGAIN[-1].total_seconds()) <= now:
        doubted_at = None
    return {"ssh_ranges": list(ranges), "ssh_ranges_at": now if is_still_so else None, "group_doubted_at": doubted_at}


def doubt(pk: str) -> None:
    """Have the group compared now, and again later: a worker that has lost its job may just have changed it."""
    with transaction.atomic():
        row = Instance.objects.select_for_update().filter(pk=pk).exclude(security_group_id="").first()
        if row:
            Instance.objects.filter(pk=pk).update(ssh_ranges_at=None, group_doubted_at=clock.now())
            enqueue(row)


def compare_again() -> None:
    """Have groups compared that are due. This runs every two seconds, since a scheduled job might get lost."""
    now = clock.now()
    for row in Instance.objects.filter(group_doubted_at__isnull=False, ssh_ranges_at__isnull=False):
        if row.group_doubted_at and row.ssh_ranges_at and _is_due(row.group_doubted_at, row.ssh_ranges_at, now):
            with transaction.atomic():
                set_again(str(row.pk))
                enqueue(row)


def _is_due(doubted_at: datetime, compared_at: datetime, now: datetime) -> bool:
    return any(compared_at < doubted_at + clock.real_seconds(after.total_seconds()) <= now for after in AGAIN)


def check(rows: Iterable[Instance]) -> None:
    """Have groups made equal where the wish has changed: by settings, by people, or by an end date."""
    settled = [row for row in rows if row.ssh_ranges_at]
    wishes = wished_by({row.owner for row in settled})
    due = {row.pk for row in settled if tuple(row.ssh_ranges) != wishes[row.owner_id]}
    if due:
        with transaction.atomic():  # in the same order as everything that locks many rows
            list(Instance.objects.select_for_update().filter(pk__in=due).order_by("pk").values_list("pk"))
            Instance.objects.filter(pk__in=due).update(ssh_ranges_at=None)
    for row in settled:
        row.ssh_ranges_at = None if row.pk in due else row.ssh_ranges_at


def set_again(pk: str) -> None:
    """Have the group of this machine made equal again, whatever was recorded."""
    Instance.objects.filter(pk=pk).update(ssh_ranges_at=None)
