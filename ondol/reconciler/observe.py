"""Observation, batched: one DescribeInstances for all machines that are changing, one for those in a transitional EC2
state, and now and then one for all.

What is seen is written to the row; if the state machine then wants a step, a job for that machine is enqueued.
"""

import logging
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet

from ondol import clock
from ondol.cloud.errors import CloudError
from ondol.cloud.port import MOVING, Cloud
from ondol.deployment.health import confirm
from ondol.deployment.models import Deployment, is_id
from ondol.instances.jobs import enqueue, without_job
from ondol.instances.models import Instance, Launch, Run
from ondol.instances.observation import View
from ondol.instances.replacements import MAX_TRIES
from ondol.instances.states import CHANGING, SETTLED, Status
from ondol.reconciler import alarms, ingress, sizes
from ondol.reconciler.reconcile import decision_for, priority_of
from ondol.reconciler.refusals import is_put_off
from ondol.reconciler.seen import Shown, ids_of, seen_again, shown_of, take_in

log = logging.getLogger(__name__)

ALL_EVERY, SLACK = timedelta(seconds=30), timedelta(seconds=3)
"""The interval, on the machines' clock: a fast trial observes as often as its minutes pass, but not twice in a tick."""
BATCH = 1000
"""The most rows that are read at once."""
KEPT_OUT_AFTER = timedelta(seconds=45)
"""SSH has not answered for this long (real time): perhaps the group keeps us out. AWS's status checks then decide."""


def changing() -> QuerySet[Instance]:
    """Return machines that somebody waits for, that change without us, and those that failed or ended and are not
    cleaned up yet."""
    over = Q(status__in=[Status.FAILED, Status.TERMINATED], is_clean=False)
    gets_key = Q(status=Status.RUNNING, is_key_due=True, key_replacement__tries__lt=MAX_TRIES)
    moves = Q(status__in=SETTLED, seen_view__in=MOVING)
    rows = Instance.objects.filter(Q(status__in=CHANGING) | over | gets_key | moves)
    return rows.select_related("run", "owner")


def observe(cloud: Cloud) -> None:
    """Observe, every two seconds, the machines that are changing, and those that somebody else changes."""
    ingress.compare_again()
    observe_changing(cloud)
    try:
        observe_moving(cloud)
    except CloudError as error:  # the next observation of all reports that AWS does not answer
        log.info("AWS does not tell what moves", extra={"code": error.code, "kind": type(error).__name__})


def is_time_for_all() -> bool:
    """Return whether it is time to observe all machines, and note that it is being done.

    Of several workers, one wins; should it die now, the next observation comes half a minute later.
    """
    now = clock.now()
    # Also if a clock that ran ahead has left a time in the future.
    due = Deployment.current().exclude(looked_at__gt=now - ALL_EVERY + SLACK, looked_at__lte=now + ALL_EVERY)
    return bool(due.update(looked_at=now))


def observe_changing(cloud: Cloud) -> None:
    """Observe the changing machines. There is no call if nothing changes, nor for rows without a launch."""
    rows = list(changing())
    asked = [row for row in rows if row.client_token is not None]
    try:
        if asked:
            at = clock.now()  # before the call: an act answered meanwhile is newer
            take_in(asked, shown_of(ids_of(asked), cloud.ec2_instances([str(row.pk) for row in asked]), cloud), at)
    finally:
        _enqueue(_anew(rows))  # what is due does not wait until AWS answers
    if asked:
        _checks(asked, cloud)


def observe_moving(cloud: Cloud) -> None:
    """Observe what has begun to stop, start or terminate without us: one call, however many machines there are.

    EC2 shows these states for seconds at least; shorter ones are seen by the next observation of all.
    """
    resting = Instance.objects.filter(status__in=SETTLED, instance_id__isnull=False)
    if not resting.exists():
        return
    moving = {ec2_instance.instance_id: ec2_instance.state for ec2_instance in cloud.moving()}
    shown = resting.filter(instance_id__in=moving).select_related("run", "owner") if moving else []
    rows = [row for row in shown if row.seen_view != moving[str(row.instance_id)]]
    if rows:
        at = clock.now()
        take_in(rows, shown_of(ids_of(rows), cloud.ec2_instances([str(row.pk) for row in rows]), cloud), at)
        _enqueue(_anew(rows))


def observe_all(cloud: Cloud) -> None:
    """Observe all machines, for what AWS, its alarms and its console did without us; also terminated rows that still
    have something in AWS.

    Rows are read a batch at a time, to limit memory.
    """
    at = clock.now()
    keys = dict(Instance.objects.exclude(status=Status.TERMINATED).values_list("pk", "instance_id"))
    seen, shown = _Seen(), None
    try:
        shown = _all_shown(keys, cloud)
        # AWS answers, so time-outs also run for rows of which AWS shows nothing yet.
        seen_again(Instance.objects.filter(status=Status.PENDING, client_token=None), at)
    finally:
        for rows in _batches(keys, "owner"):
            ingress.check(rows)
            changed = take_in(rows, shown, at) if shown is not None else set()
            same = [row for row in rows if row.pk not in changed and row.status in SETTLED]
            _enqueue(same)  # nearly all rows: reading them again would take as long as all the rest
            known = set(same)
            _enqueue(_anew([row for row in rows if row not in known]))
            seen.add(rows)
    del shown  # frees memory before as many alarms come
    confirm(at)
    _each(
        partial(_passed, seen.starting, cloud),
        partial(_alarms, seen.armed, cloud),
        partial(_disks, seen.unknown, cloud),
    )


@dataclass
class _Seen:
    """What remains to be asked about machines once all are seen."""

    starting: list[UUID] = field(default_factory=list)
    armed: list[UUID] = field(default_factory=list)
    unknown: dict[str, Instance] = field(default_factory=dict)
    """Machines with a disk of unknown size, by the id of the disk."""

    def add(self, rows: Iterable[Instance]) -> None:
        for row in rows:
            if row.status in {Status.PENDING, Status.STARTING}:
                self.starting.append(row.pk)
            if row.status == Status.RUNNING and row.is_armed:
                self.armed.append(row.pk)
            if row.volume_id and row.seen_volume_gib is None:
                self.unknown[row.volume_id] = row


def _all_shown(keys: dict[UUID, str | None], cloud: Cloud) -> Shown:
    """Return what EC2 shows of all machines. May add to `keys`."""
    if not (keys or Launch.objects.exists()):
        return {}
    ec2_instances = cloud.ec2_instances()
    alive = {ec2_instance.row for ec2_instance in ec2_instances if ec2_instance.state.is_live} - set(map(str, keys))
    keys.update(Instance.objects.filter(pk__in=[row for row in alive if is_id(row)]).values_list("pk", "instance_id"))
    return shown_of(keys, ec2_instances, cloud)


def _batches(keys: Collection[UUID], *besides: str) -> Iterator[list[Instance]]:
    """Yield these rows in batches, with their runs and the other relations that are needed."""
    ordered = list(keys)
    for start in range(0, len(ordered), BATCH):
        yield list(Instance.objects.filter(pk__in=ordered[start : start + BATCH]).select_related("run", *besides))


def _each(*steps: Callable[[], None]) -> None:
    """Do all steps, even if one fails; then raise the first error."""
    errors = []
    for step in steps:
        try:
            step()
        except CloudError as error:
            errors.append(error)
    if errors:
        raise errors[0]


def _disks(unknown: Mapping[str, Instance], cloud: Cloud) -> None:
    """Read the sizes of disks that are not known yet; those of our own changes are known by their answers."""
    if unknown:
        for volume_id, gib in cloud.sizes(unknown).items():
            sizes.note(unknown[volume_id], volume_gib=gib)


def _checks(rows: Iterable[Instance], cloud: Cloud) -> None:
    _passed([row.pk for row in rows if row.status in {Status.PENDING, Status.STARTING}], cloud)


def _passed(starting: Collection[UUID], cloud: Cloud) -> None:
    """If SSH does not answer us, rely on AWS's status checks; one call for all such machines."""
    if not starting:
        return
    limit = clock.real_seconds(KEPT_OUT_AFTER.total_seconds())
    kept_out = Instance.objects.filter(
        pk__in=starting,
        status__in=[Status.PENDING, Status.STARTING],
        seen_view=View.RUNNING,
        run__ready_at=None,
        seen_since__lt=clock.now() - limit,
    )
    ids = {row.instance_id: row.run_id for row in kept_out if row.instance_id}
    if ids:
        passed = cloud.checks_passed(ids)
        Run.objects.filter(pk__in=[ids[i] for i in passed]).update(ready_at=clock.now())


def _alarms(armed: Collection[UUID], cloud: Cloud) -> None:
    if not armed:
        return
    now = clock.now()  # before the call: alarms put meanwhile are for the next observation
    shown = alarms.shown(armed, cloud)
    for rows in _batches(armed):
        still = [row for row in rows if row.status == Status.RUNNING]
        for row in alarms.check(still, shown, now):
            _enqueue(_anew([row]))


def _anew(rows: list[Instance]) -> Iterable[Instance]:
    """Read these rows again."""
    return Instance.objects.filter(pk__in=[row.pk for row in rows]).select_related("run", "owner") if rows else []


def _enqueue(rows: Iterable[Instance]) -> None:
    due: dict[int, list[Instance]] = defaultdict(list)
    for row in filter(_is_due, rows):
        due[priority_of(row)].append(row)
    for priority, some in due.items():
        for row in without_job(some, priority):
            with transaction.atomic():
                enqueue(row, priority)


def _is_due(row: Instance) -> bool:
    decision = decision_for(row)
    return not is_put_off(row, decision) and bool(row.superseded_instance_ids or not decision.is_wait)
