"""Who may reach a machine by SSH: its security group is made equal to what is wished for, and kept so."""

import logging
from collections.abc import Collection, Iterable
from contextlib import suppress
from datetime import datetime
from typing import Any

from django.db import transaction

from ondol import clock
from ondol.accounts.models import User
from ondol.cloud.errors import Gone
from ondol.cloud.port import Cloud
from ondol.instances.models import Instance
from ondol.instances.ssh_ranges import wished, wished_by
from ondol.reconciler.job_lease import JobLease

log = logging.getLogger(__name__)


def make_equal(instance: Instance, cloud: Cloud, ensure_job_lease: JobLease) -> None:
    """Let in what is wished for now and nothing else, and record that. A group that is gone lets nobody in."""
    ranges = wished(User.objects.get(pk=instance.owner_id))
    with suppress(Gone):
        set_group(instance, instance.security_group_id, ranges, cloud)
    with transaction.atomic():
        ensure_job_lease()
        Instance.objects.filter(pk=instance.pk, client_token=instance.client_token).update(**noted(instance, ranges))


def set_group(instance: Instance, group_id: str, ranges: Collection[str], cloud: Cloud) -> None:
    """Make the group equal to `ranges`. Reads no database: it may run in a thread."""
    change = cloud.set_ssh(group_id, ranges)
    if change.opened or change.closed:
        told = {"row": str(instance.pk), "opened": ", ".join(change.opened), "closed": ", ".join(change.closed)}
        log.info("the security group lets in what is wished for", extra=told)


def noted(instance: Instance, ranges: Collection[str]) -> dict[str, Any]:
    """Return what to record once the group was made equal to `ranges`; inside the transaction that saves it.

    Whoever changes what is wished for waits for this row, and sees what is recorded here; or has been before: then it
    is to be made equal once more.
    """
    Instance.objects.select_for_update().get(pk=instance.pk)
    is_still_so = wished(User.objects.get(pk=instance.owner_id)) == tuple(ranges)
    at: datetime | None = clock.now() if is_still_so else None
    return {"ssh_ranges": list(ranges), "ssh_ranges_at": at}


def check(rows: Iterable[Instance]) -> None:
    """Let groups be made equal where something else is wished for by now: settings, people, or an end date."""
    settled = [row for row in rows if row.ssh_ranges_at]
    wishes = wished_by({row.owner for row in settled})
    due = [row.pk for row in settled if tuple(row.ssh_ranges) != wishes[row.owner_id]]
    Instance.objects.filter(pk__in=due).update(ssh_ranges_at=None)


def set_again(pk: str) -> None:
    """Let the group of this machine be made equal again, whatever was recorded."""
    Instance.objects.filter(pk=pk).update(ssh_ranges_at=None)
