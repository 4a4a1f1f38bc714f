"""Looking, batched: one DescribeInstances for all machines that are changing, now and then one for all.

What is seen is written to the row; where the state machine then wants something, a job for that machine is enqueued.
"""

import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial

from django.db import transaction
from django.db.models import Q, QuerySet

from ondol import clock
from ondol.cloud.errors import CloudError
from ondol.cloud.port import Cloud, Ec2Instance, InstanceState
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

ALL_EVERY = timedelta(seconds=30)
"""The interval, on the machines' clock: a fast trial observes as often as its minutes pass, but not twice in a tick."""
AHEAD = timedelta(minutes=10)
"""Real time. Longer than any call takes."""
KEPT_OUT_AFTER = timedelta(seconds=45)
"""SSH has not answered for this long (real time): perhaps the group keeps us out. AWS's status checks then decide."""


_UP = {InstanceState.PENDING, InstanceState.RUNNING}


def changing() -> QuerySet[Instance]:
    """Machines that somebody waits for, and those that failed or ended and are not cleaned up yet."""
    over = Q(status__in=[Status.FAILED, Status.TERMINATED], is_clean=False)
    gets_key = Q(status=Status.RUNNING, is_key_due=True, key_replacement__tries__lt=MAX_TRIES)
    rows = Instance.objects.filter(Q(status__in=[status.value for status in CHANGING]) | over | gets_key)
    return rows.select_related("run", "owner")


def observe(cloud: Cloud) -> bool:
    """Every two seconds: at all machines if it is time for that (True), else at those that are changing."""
    now = clock.now()
    ingress.compare_again()
    # Also where a clock that ran ahead has left a time to come.
    due = Deployment.current().exclude(looked_at__gt=now - ALL_EVERY, looked_at__lte=now + ALL_EVERY)
    # Of several workers, one wins; should it die now, the next look comes half a minute later.
    if due.update(looked_at=now):
        observe_all(cloud)
        return True
    observe_changing(cloud)
    return False


def observe_changing(cloud: Cloud) -> None:
    """No call where nothing changes, nor for rows whose launch is not asked for yet."""
    rows = list(changing())
    asked = [row for row in rows if row.client_token is not None]
    try:
        if asked:
            at = clock.now()  # before the call: an act answered meanwhile knows better
            _take_in(asked, cloud.ec2_instances([str(row.pk) for row in asked]), at, cloud)
    finally:
        _enqueue(rows)  # what is due does not wait until AWS can be looked at
    if asked:
        _checks(asked, cloud)


def observe_all(cloud: Cloud) -> None:
    """What AWS, its alarms and its console did behind our back. Ended rows too, if something of theirs lives on."""
    rows = list(Instance.objects.exclude(status=Status.TERMINATED).select_related("run", "owner"))
    ingress.check(rows)
    at = clock.now()
    try:
        _take_in_all(rows, cloud, at)
    finally:
        _enqueue(rows)
    confirm(at)
    armed = [row for row in rows if row.status == Status.RUNNING and row.is_armed]
    _each(partial(_checks, rows, cloud), partial(_alarms, armed, cloud), partial(_disks, rows, cloud))


def _take_in_all(rows: list[Instance], cloud: Cloud, at: datetime) -> None:
    """May add to `rows`."""
    if rows or Launch.objects.exists():
        ec2_instances = cloud.ec2_instances()
        alive = {ec2_instance.row for ec2_instance in ec2_instances if ec2_instance.state.is_live} - {
            str(row.pk) for row in rows
        }
        rows += Instance.objects.filter(pk__in=[row for row in alive if is_id(row)]).select_related("run", "owner")
        _take_in(rows, ec2_instances, at, cloud)
        # AWS answers, so time counts also for those of which there is nothing to be seen yet.
        Instance.objects.filter(status=Status.PENDING, client_token=None).update(seen_at=at)


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


def _take_in(rows: list[Instance], ec2_instances: list[Ec2Instance], at: datetime, cloud: Cloud) -> None:
    """Write what was seen to the rows."""
    owners = {row.instance_id: str(row.pk) for row in rows if row.instance_id}
    by_row: dict[str, list[Ec2Instance]] = defaultdict(list)
    for ec2_instance in [*ec2_instances, *_untagged(owners, ec2_instances, cloud)]:
        # By its id first: in the console, anybody may write other tags.
        by_row[owners.get(ec2_instance.instance_id, ec2_instance.row)].append(ec2_instance)
    same = [row.pk for row in rows if not _note(row, by_row.get(str(row.pk), []), at)]
    _newer(at).filter(pk__in=same).exclude(seen_view=View.UNSEEN).update(seen_at=at)


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


def _disks(rows: Iterable[Instance], cloud: Cloud) -> None:
    """How big they are, where that is not known yet; our own changes are known by their answers."""
    unknown = {row.volume_id: row for row in rows if row.volume_id and row.seen_volume_gib is None}
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
    """Where SSH does not answer us, believe AWS's status checks; one call for all such machines."""
    starting = [row.pk for row in rows if row.status in {Status.PENDING, Status.STARTING}]
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


def _alarms(rows: list[Instance], cloud: Cloud) -> None:
    for row in alarms.check(rows, cloud):
        _enqueue_if_due(Instance.objects.select_related("run", "owner").get(pk=row.pk))


def _enqueue(rows: list[Instance]) -> None:
    for row in Instance.objects.filter(pk__in=[row.pk for row in rows]).select_related("run", "owner"):
        _enqueue_if_due(row)


def _enqueue_if_due(row: Instance) -> None:
    decision = decision_for(row)
    if is_put_off(row, decision):
        return
    if row.superseded_instance_ids or not decision.is_wait:
        with transaction.atomic():
            enqueue(row)
