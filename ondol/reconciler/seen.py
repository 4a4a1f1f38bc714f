"""Writes what EC2 shows of machines to their rows."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet

from ondol import clock
from ondol.cloud.port import Cloud, Ec2Instance, InstanceState
from ondol.instances.models import Instance, Run
from ondol.instances.observation import View
from ondol.instances.states import Status
from ondol.reconciler import sizes

AHEAD = timedelta(minutes=10)
"""Real time. Longer than any call takes."""
_UP = {InstanceState.PENDING, InstanceState.RUNNING}


def ids_of(rows: Iterable[Instance]) -> dict[UUID, str | None]:
    """Return the ids in EC2 of these rows."""
    return {row.pk: row.instance_id for row in rows}


Shown = Mapping[str, list[Ec2Instance]]
"""What EC2 shows, by the row that it belongs to."""


def shown_of(keys: Mapping[UUID, str | None], ec2_instances: list[Ec2Instance], cloud: Cloud) -> Shown:
    """Group what EC2 shows by row; ask once more for machines of these rows that are missing."""
    owners = {instance_id: str(pk) for pk, instance_id in keys.items() if instance_id}
    by_row: dict[str, list[Ec2Instance]] = defaultdict(list)
    for ec2_instance in [*ec2_instances, *_untagged(owners, ec2_instances, cloud)]:
        # By its id first: in the console, anybody may write other tags.
        by_row[owners.get(ec2_instance.instance_id, ec2_instance.row)].append(ec2_instance)
    return by_row


def take_in(rows: list[Instance], shown: Shown, at: datetime) -> set[UUID]:
    """Write what was seen to the rows; return the rows that have changed."""
    changed = {row.pk for row in rows if _note(row, shown.get(str(row.pk), []), at)}
    same = [row.pk for row in rows if row.pk not in changed]
    seen_again(_newer(at).filter(pk__in=same).exclude(seen_view=View.UNSEEN), at)
    return changed


def seen_again(rows: QuerySet[Instance], at: datetime) -> None:
    """Note that these were seen, except rows that are locked: two observations may see the same rows at the same time,
    in a different order, and would deadlock."""
    with transaction.atomic():
        free = rows.select_for_update(skip_locked=True).order_by("pk").values_list("pk", flat=True)
        Instance.objects.filter(pk__in=list(free)).update(seen_at=at)


def _untagged(known: Iterable[str], ec2_instances: list[Ec2Instance], cloud: Cloud) -> list[Ec2Instance]:
    """Return machines that have lost their tags, such as in the console; we still arm, stop and terminate them."""
    missing = set(known) - {ec2_instance.instance_id for ec2_instance in ec2_instances}
    return cloud.known(missing) if missing else []


def _note(row: Instance, ec2_instances: list[Ec2Instance], at: datetime) -> bool:
    """Write what was seen of one machine, unless the answer to an act is newer; False: nothing has changed."""
    mine = next((ec2_instance for ec2_instance in ec2_instances if _is_current(row, ec2_instance)), None)
    others_known = row.unrecognized_instance_ids or row.superseded_instance_ids
    if mine is None and row.client_token is None and not (ec2_instances or others_known):
        return False  # its launch is not asked for yet
    if mine is None and row.instance_id is None and row.status == Status.PENDING:
        return False  # its launch is being asked for at this moment; `PREPARE` has looked for others
    if mine:
        _note_type(row, mine, at)
    before = (row.seen_view, row.seen_since)
    row.observed(View(mine.state) if mine else View.ABSENT, at)
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
        if same.update(**fields, seen_at=at, updated_at=clock.real_now()) and of_run:
            Run.objects.filter(pk=row.run_id, ended_at=None).update(**of_run)
    return True


def _are_so(row: Instance | Run, fields: Mapping[str, object]) -> bool:
    return all(getattr(row, name) == value for name, value in fields.items())


def _of_run(row: Instance, ec2_instance: Ec2Instance) -> dict[str, object]:
    """Return what EC2 shows of this run; until it has begun, EC2 shows the LaunchTime of the one before.

    A new LaunchTime of a machine that was stopping belongs to its next run.
    """
    run = row.run
    is_next = row.status == Status.STOPPING and run.launched_at not in {None, ec2_instance.launched_at}
    if is_next or not run.is_launch(ec2_instance.launched_at, is_up=ec2_instance.state in _UP):
        return {}
    return {"launched_at": ec2_instance.launched_at} | (
        {"public_ip": ec2_instance.public_ip} if ec2_instance.public_ip else {}
    )


def _note_type(row: Instance, ec2_instance: Ec2Instance, at: datetime) -> None:
    """Note a type that others changed, if it runs: of a stopped one, AWS may show the type before our own change."""
    runs = ec2_instance.state is InstanceState.RUNNING
    is_told = runs or not row.seen_type or ec2_instance.instance_type == row.instance_type
    if is_told and ec2_instance.instance_type not in {"", row.seen_type}:
        sizes.note(row, at=at, instance_type=ec2_instance.instance_type, is_news=runs)


def _newer(at: datetime) -> QuerySet[Instance]:
    """Return rows without an observation later than `at`; a time in the future is from a clock that ran ahead."""
    ahead = at + clock.real_seconds(AHEAD.total_seconds())
    return Instance.objects.filter(Q(seen_at__isnull=True) | Q(seen_at__lt=at) | Q(seen_at__gt=ahead))


def _is_current(row: Instance, ec2_instance: Ec2Instance) -> bool:
    if row.instance_id is not None:
        return ec2_instance.instance_id == row.instance_id
    return row.client_token is not None and ec2_instance.client_token == row.client_token


def _address(row: Instance, ec2_instance: Ec2Instance) -> dict[str, object]:
    """Return the fields of its addresses: a start brings another public address, which the owner is told once."""
    if ec2_instance.public_ip == row.public_ip:
        return {}
    fields: dict[str, object] = {"public_ip": ec2_instance.public_ip}
    if ec2_instance.public_ip:
        fields["last_public_ip"] = ec2_instance.public_ip
        if row.last_public_ip and row.last_public_ip != ec2_instance.public_ip:
            fields["address_changed"] = True
    return fields
