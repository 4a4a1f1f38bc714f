"""Looking, batched: one DescribeInstances for all machines that are changing, one for those that EC2 says move, and now
and then one for all.

What is seen is written to the row; where the state machine then wants something, a job for that machine is enqueued.
"""

import logging
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet

from ondol import clock
from ondol.cloud.errors import CloudError
from ondol.cloud.port import MOVING, Cloud, Ec2Instance, InstanceState
from ondol.deployment.health import confirm
from ondol.deployment.models import Deployment, is_id
from ondol.instances.actions import enqueue
from ondol.instances.lifecycle import CHANGING, Status, View
from ondol.instances.models import Instance, Launch, Run
from ondol.instances.replacements import MAX_TRIES
from ondol.reconciler import alarms, ingress, sizes
from ondol.reconciler.reconcile import decision_for
from ondol.reconciler.refusals import is_put_off

log = logging.getLogger(__name__)

ALL_EVERY, SLACK = timedelta(seconds=30), timedelta(seconds=3)
"""The interval, on the machines' clock: a fast trial observes as often as its minutes pass, but not twice in a tick."""
BATCH = 1000
"""The most rows that are read at once."""
AHEAD = timedelta(minutes=10)
"""Real time. Longer than any call takes."""
KEPT_OUT_AFTER = timedelta(seconds=45)
"""SSH has not answered for this long (real time): perhaps the group keeps us out. AWS's status checks then decide."""


_RESTING = {Status.RUNNING, Status.STOPPED}
_UP = {InstanceState.PENDING, InstanceState.RUNNING}


def changing() -> QuerySet[Instance]:
    """Machines that somebody waits for, that move by somebody else's doing, and those that failed or ended and are not
    cleaned up yet."""
    over = Q(status__in=[Status.FAILED, Status.TERMINATED], is_clean=False)
    gets_key = Q(status=Status.RUNNING, is_key_due=True, key_replacement__tries__lt=MAX_TRIES)
    moves = Q(status__in=[status.value for status in _RESTING], seen_view__in=[state.value for state in MOVING])
    rows = Instance.objects.filter(Q(status__in=[status.value for status in CHANGING]) | over | gets_key | moves)
    return rows.select_related("run", "owner")


def observe(cloud: Cloud) -> None:
    """Every two seconds: at machines that are changing, and at those that somebody else makes change."""
    ingress.compare_again()
    observe_changing(cloud)
    try:
        observe_moving(cloud)
    except CloudError as error:  # that AWS does not answer is for the next look at all to tell
        log.info("AWS does not tell what moves", extra={"code": error.code, "kind": type(error).__name__})


def is_time_for_all() -> bool:
    """Return whether it is time to look at all machines, and note that it is being done.

    Of several workers, one wins; should it die now, the next look comes half a minute later.
    """
    now = clock.now()
    # Also where a clock that ran ahead has left a time to come.
    due = Deployment.current().exclude(looked_at__gt=now - ALL_EVERY + SLACK, looked_at__lte=now + ALL_EVERY)
    return bool(due.update(looked_at=now))


def observe_changing(cloud: Cloud) -> None:
    """No call where nothing changes, nor for rows whose launch is not asked for yet."""
    rows = list(changing())
    asked = [row for row in rows if row.client_token is not None]
    try:
        if asked:
            at = clock.now()  # before the call: an act answered meanwhile knows better
            _take_in(asked, _shown(_ids(asked), cloud.ec2_instances([str(row.pk) for row in asked]), cloud), at)
    finally:
        _enqueue(_anew(rows))  # what is due does not wait until AWS can be looked at
    if asked:
        _checks(asked, cloud)


def observe_moving(cloud: Cloud) -> None:
    """What has begun to stop, to run or to end though nobody has asked here: one call, however many machines there are.

    EC2 shows that for seconds at least; what is over sooner is seen by the next look at all.
    """
    resting = Instance.objects.filter(status__in=[status.value for status in _RESTING], instance_id__isnull=False)
    if not resting.exists():
        return
    moving = {ec2_instance.instance_id: ec2_instance.state.value for ec2_instance in cloud.moving()}
    shown = resting.filter(instance_id__in=moving).select_related("run", "owner") if moving else []
    rows = [row for row in shown if row.seen_view != moving[str(row.instance_id)]]
    if rows:
        at = clock.now()
        _take_in(rows, _shown(_ids(rows), cloud.ec2_instances([str(row.pk) for row in rows]), cloud), at)
        _enqueue(_anew(rows))


def observe_all(cloud: Cloud) -> None:
    """What AWS, its alarms and its console did behind our back. Ended rows too, if something of theirs lives on.

    Rows are read a batch at a time: ten thousand take no more memory than one.
    """
    at = clock.now()
    keys = dict(Instance.objects.exclude(status=Status.TERMINATED).values_list("pk", "instance_id"))
    seen, shown = _Seen(), None
    try:
        shown = _all_shown(keys, cloud)
        # AWS answers, so time counts also for those of which there is nothing to be seen yet.
        _seen_again(Instance.objects.filter(status=Status.PENDING, client_token=None), at)
    finally:
        for rows in _batches(keys):
            ingress.check(rows)
            changed = _take_in(rows, shown, at) if shown is not None else set()
            same = [row for row in rows if row.pk not in changed and row.status in _RESTING]
            _enqueue(same)  # nearly all: to read them once more would take as long as all the rest
            known = set(same)
            _enqueue(_anew([row for row in rows if row not in known]))
            seen.add(rows)
    del shown  # before as many alarms
    confirm(at)
    _each(
        partial(_passed, seen.starting, cloud),
        partial(_alarms, seen.armed, cloud),
        partial(_disks, seen.unknown, cloud),
    )


@dataclass
class _Seen:
    """What is to be asked about machines once all are seen."""

    starting: list[UUID] = field(default_factory=list)
    armed: list[UUID] = field(default_factory=list)
    unknown: dict[str, Instance] = field(default_factory=dict)
    """Those whose disk has a size that is not known, by its id."""

    def add(self, rows: Iterable[Instance]) -> None:
        for row in rows:
            if row.status in {Status.PENDING, Status.STARTING}:
                self.starting.append(row.pk)
            if row.status == Status.RUNNING and row.is_armed:
                self.armed.append(row.pk)
            if row.volume_id and row.seen_volume_gib is None:
                self.unknown[row.volume_id] = row


def _all_shown(keys: dict[UUID, str | None], cloud: Cloud) -> "Shown":
    """Return what EC2 shows of all. May add to `keys`."""
    if not (keys or Launch.objects.exists()):
        return {}
    ec2_instances = cloud.ec2_instances()
    alive = {ec2_instance.row for ec2_instance in ec2_instances if ec2_instance.state.is_live} - set(map(str, keys))
    keys.update(Instance.objects.filter(pk__in=[row for row in alive if is_id(row)]).values_list("pk", "instance_id"))
    return _shown(keys, ec2_instances, cloud)


def _batches(keys: Collection[UUID]) -> Iterator[list[Instance]]:
    ordered = list(keys)
    for start in range(0, len(ordered), BATCH):
        yield list(Instance.objects.filter(pk__in=ordered[start : start + BATCH]).select_related("run", "owner"))


def _each(*steps: Callable[[], None]) -> None:
    """Do all of them, whichever fails; then raise the first error."""
    errors = []
    for step in steps:
        try:
            step()
        except CloudError as error:
            errors.append(error)
    if errors:
        raise errors[0]


def _ids(rows: Iterable[Instance]) -> dict[UUID, str | None]:
    return {row.pk: row.instance_id for row in rows}


Shown = Mapping[str, list[Ec2Instance]]
"""What EC2 shows, by the row that it belongs to."""


def _shown(keys: Mapping[UUID, str | None], ec2_instances: list[Ec2Instance], cloud: Cloud) -> Shown:
    """Sort what EC2 shows by rows; asks once more for machines of these rows that are missing."""
    owners = {instance_id: str(pk) for pk, instance_id in keys.items() if instance_id}
    by_row: dict[str, list[Ec2Instance]] = defaultdict(list)
    for ec2_instance in [*ec2_instances, *_untagged(owners, ec2_instances, cloud)]:
        # By its id first: in the console, anybody may write other tags.
        by_row[owners.get(ec2_instance.instance_id, ec2_instance.row)].append(ec2_instance)
    return by_row


def _take_in(rows: list[Instance], shown: Shown, at: datetime) -> set[UUID]:
    """Write what was seen to the rows; return those of which there is news."""
    changed = {row.pk for row in rows if _note(row, shown.get(str(row.pk), []), at)}
    same = [row.pk for row in rows if row.pk not in changed]
    _seen_again(_newer(at).filter(pk__in=same).exclude(seen_view=View.UNSEEN), at)
    return changed


def _seen_again(rows: QuerySet[Instance], at: datetime) -> None:
    """Note that these were seen. Both looks may see the same at the same moment, in another order, and would wait for
    each other: what somebody is writing just now is left to them."""
    with transaction.atomic():
        free = rows.select_for_update(skip_locked=True).order_by("pk").values_list("pk", flat=True)
        Instance.objects.filter(pk__in=list(free)).update(seen_at=at)


def _untagged(known: Iterable[str], ec2_instances: list[Ec2Instance], cloud: Cloud) -> list[Ec2Instance]:
    """Machines that have lost their tags, such as in the console; they are still ours to arm, stop and end."""
    missing = set(known) - {ec2_instance.instance_id for ec2_instance in ec2_instances}
    return cloud.known(missing) if missing else []


def _note(row: Instance, ec2_instances: list[Ec2Instance], at: datetime) -> bool:
    """Write what was seen of one machine, unless an act has brought newer news; False: nothing new."""
    mine = next((ec2_instance for ec2_instance in ec2_instances if _is_current(row, ec2_instance)), None)
    others_known = row.unrecognized_instance_ids or row.superseded_instance_ids
    if mine is None and row.client_token is None and not (ec2_instances or others_known):
        return False  # its launch is not asked for yet
    if mine is None and row.instance_id is None and row.status == Status.PENDING:
        return False  # its launch is being asked for at this moment; `PREPARE` has looked for others
    if mine:
        _note_type(row, mine, at)
    before = (row.seen_view, row.seen_since)
    row.observed(View(mine.state.value) if mine else View.ABSENT, at)
    others = [ec2_instance for ec2_instance in ec2_instances if ec2_instance is not mine and ec2_instance.state.is_live]
    tokens = {ec2_instance.client_token for ec2_instance in others}
    ours = set(row.launches.filter(pk__in=tokens).values_list("pk", flat=True)) if others else set()
    fields: dict[str, object] = {
        "seen_view": row.seen_view,
        "seen_since": row.seen_since,
        "seen_reason": mine.reason_code[:80] if mine else "",
        "superseded_instance_ids": sorted(
            ec2_instance.instance_id for ec2_instance in others if ec2_instance.client_token in ours
        ),
        "unrecognized_instance_ids": sorted(
            ec2_instance.instance_id for ec2_instance in others if ec2_instance.client_token not in ours
        ),
    }
    if mine:
        fields |= {"instance_id": mine.instance_id, "private_ip": mine.private_ip}
        fields["ipv6_address"] = mine.ipv6_address
        fields["seen_launched_at"] = mine.launched_at
        fields |= _address(row, mine)
        fields["volume_id"] = mine.volume_id or row.volume_id
    of_run = _of_run(row, mine) if mine else {}
    unchanged = _are_so(row, fields) and _are_so(row.run, of_run)
    if unchanged and before == (row.seen_view, row.seen_since):
        return False
    with transaction.atomic():
        same = _newer(at).filter(pk=row.pk, client_token=row.client_token)
        if same.update(**fields, seen_at=at, updated_at=datetime.now(UTC)) and of_run:
            Run.objects.filter(pk=row.run_id, ended_at=None).update(**of_run)
    return True


def _are_so(row: Instance | Run, fields: Mapping[str, object]) -> bool:
    return all(getattr(row, name) == value for name, value in fields.items())


def _of_run(row: Instance, ec2_instance: Ec2Instance) -> dict[str, object]:
    """Return what EC2 shows of this run; while it is to begin, EC2 shows the LaunchTime of the one before.

    Another LaunchTime of a machine that was stopping is of the run to come.
    """
    run = row.run
    is_next = row.status == Status.STOPPING and run.launched_at not in {None, ec2_instance.launched_at}
    if is_next or not run.is_launch(ec2_instance.launched_at, is_up=ec2_instance.state in _UP):
        return {}
    return {"launched_at": ec2_instance.launched_at} | (
        {"public_ip": ec2_instance.public_ip} if ec2_instance.public_ip else {}
    )


def _note_type(row: Instance, ec2_instance: Ec2Instance, at: datetime) -> None:
    """While it rests, AWS may show for a moment what was before our own change: only what runs tells news."""
    runs = ec2_instance.state is InstanceState.RUNNING
    is_told = runs or not row.seen_type or ec2_instance.instance_type == row.instance_type
    if is_told and ec2_instance.instance_type not in {"", row.seen_type}:
        sizes.note(row, at=at, instance_type=ec2_instance.instance_type, is_news=runs)


def _disks(unknown: Mapping[str, Instance], cloud: Cloud) -> None:
    """How big they are, where that is not known yet; our own changes are known by their answers."""
    if unknown:
        for volume_id, gib in cloud.sizes(unknown).items():
            sizes.note(unknown[volume_id], volume_gib=gib)


def _newer(at: datetime) -> QuerySet[Instance]:
    """Rows of which nothing later than `at` is known; a time to come is of a clock that ran ahead."""
    ahead = at + clock.real_seconds(AHEAD.total_seconds())
    return Instance.objects.filter(Q(seen_at__isnull=True) | Q(seen_at__lt=at) | Q(seen_at__gt=ahead))


def _is_current(row: Instance, ec2_instance: Ec2Instance) -> bool:
    if row.instance_id is not None:
        return ec2_instance.instance_id == row.instance_id
    return row.client_token is not None and ec2_instance.client_token == row.client_token


def _address(row: Instance, ec2_instance: Ec2Instance) -> dict[str, object]:
    """A public address is released at a stop; the next start brings another, which is told once."""
    if ec2_instance.public_ip == row.public_ip:
        return {}
    fields: dict[str, object] = {"public_ip": ec2_instance.public_ip}
    if ec2_instance.public_ip:
        fields["last_public_ip"] = ec2_instance.public_ip
        if row.last_public_ip and row.last_public_ip != ec2_instance.public_ip:
            fields["address_changed"] = True
    return fields


def _checks(rows: Iterable[Instance], cloud: Cloud) -> None:
    _passed([row.pk for row in rows if row.status in {Status.PENDING, Status.STARTING}], cloud)


def _passed(starting: Collection[UUID], cloud: Cloud) -> None:
    """Where SSH does not answer us, believe AWS's status checks; one call for all such machines."""
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
    now = clock.now()  # before the call: what is armed meanwhile is for the next look
    shown = alarms.shown(armed, cloud)
    for rows in _batches(armed):
        still = [row for row in rows if row.status == Status.RUNNING]
        for row in alarms.check(still, shown, now):
            _enqueue(_anew([row]))


def _anew(rows: list[Instance]) -> Iterable[Instance]:
    """Return them as they are now."""
    return Instance.objects.filter(pk__in=[row.pk for row in rows]).select_related("run", "owner") if rows else []


def _enqueue(rows: Iterable[Instance]) -> None:
    for row in rows:
        decision = decision_for(row)
        if not is_put_off(row, decision) and (row.superseded_instance_ids or not decision.is_wait):
            with transaction.atomic():
                enqueue(row)
