"""Find resources of ours in AWS that no row knows, and rows without their machine; remove leaks with care."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q

from ondol import clock
from ondol.cloud.errors import CloudError, NotYet
from ondol.cloud.port import Cloud, Found, Kind, Tag, mark
from ondol.deployment import warm_ups
from ondol.deployment.alerts import notify_administrators
from ondol.deployment.findings import DRIFT, LEAKS, REFUSALS, REGION, Finding, Why, remembered
from ondol.deployment.models import Deployment, deployment_id, is_id
from ondol.instances.jobs import enqueue
from ondol.instances.models import OTHER_ALARM, Instance
from ondol.instances.states import PRESENT, Reason, Status
from ondol.reconciler import ingress, refusals

LASTS_AFTER = timedelta(minutes=15)
"""Real time. A termination takes a minute or two, putting an alarm a second."""
GRACE = timedelta(minutes=5)
"""Real time; also, two sweeps must have seen a resource."""
SHOWN_AFTER = timedelta(minutes=1)
"""Real time. A listing may be older than a change of ours."""
AT_MOST = 5
SHARE = 0.1
"""If leaks are a larger share than this, it is more likely a mistake of ours: administrators decide. A single leak is
never too large a share, else small sites would never be swept."""


def compare(found: Iterable[Found], rows: Mapping[str, Instance]) -> list[Finding]:
    """Return what is wrong with what AWS shows. `rows` are by id, with their launches prefetched."""
    goes_on = [row for row in rows.values() if row.status != Status.TERMINATED]
    # By their ids, whatever their tags say: anybody may change tags in the console.
    known = {id: row for row in goes_on for id in (row.instance_id, row.security_group_id, row.key_pair_name) if id}
    return [finding for thing in found for finding in _judge(thing, known.get(thing.id), rows)]


def _judge(thing: Found, known_by: Instance | None, rows: Mapping[str, Instance]) -> list[Finding]:
    """Return what is wrong with one resource; `known_by` is the row that has its id, and is not over."""
    if known_by and not _has_ended(known_by):
        return _opened(thing, known_by)
    if thing.kind is Kind.VOLUME and thing.in_use:
        return []  # it is deleted with its machine
    row = _row_of(thing)
    instance = rows.get(row)
    if instance is None:
        return [_finding(thing, row, Why.UNKNOWN)]
    has_ended = _has_ended(instance)
    why: Why | None
    match thing.kind:
        case Kind.INSTANCE if thing.client_token not in {launch.pk for launch in instance.launches.all()}:
            why = Why.UNKNOWN
        case Kind.INSTANCE:
            is_current = thing.client_token == instance.client_token
            why = Why.ENDED if has_ended else None if is_current else Why.SURPLUS
        case Kind.VOLUME:
            why = Why.ENDED if has_ended else Why.DETACHED
        case Kind.KEY if instance.unrecognized_instance_ids:
            why = Why.UNKNOWN  # it may belong to that machine
        case Kind.KEY:
            why = Why.ENDED if has_ended else Why.SURPLUS
        case _:
            why = Why.ENDED if has_ended else Why.SURPLUS if _is_replaced(thing, instance) else None
    return [_finding(thing, row, why)] if why else []


def _is_replaced(thing: Found, instance: Instance) -> bool:
    """Return whether this machine has another group or alarm; none is recorded while its first one is being created."""
    if thing.kind is Kind.ALARM:
        return instance.alarm_name not in {"", thing.id}
    return bool(instance.security_group_id) and not instance.unrecognized_instance_ids


def _has_ended(instance: Instance) -> bool:
    return instance.is_clean and instance.status in {Status.TERMINATED, Status.FAILED}


def _row_of(thing: Found) -> str:
    return thing.id.removeprefix("ondol-").removesuffix(OTHER_ALARM) if thing.kind is Kind.ALARM else thing.row


def _opened(thing: Found, instance: Instance) -> list[Finding]:
    """Return findings if others can reach this machine than it was last set to let in, or fewer."""
    row = str(instance.pk)
    if thing.kind is Kind.INSTANCE and thing.groups - {instance.security_group_id}:
        return [_finding(thing, row, Why.REGROUPED, ", ".join(sorted(thing.groups)))]
    set_at, settled = instance.ssh_ranges_at, clock.now() - clock.real_seconds(SHOWN_AFTER.total_seconds())
    if thing.kind is not Kind.GROUP or set_at is None or set_at > settled:
        return []
    wanted = set(instance.ssh_ranges)
    more, less = thing.cidrs - wanted, wanted - thing.cidrs
    return [
        *([_finding(thing, row, Why.OPENED, ", ".join(sorted(more)))] if more else []),
        *([_finding(thing, row, Why.CLOSED, ", ".join(sorted(less)))] if less else []),
    ]


def _finding(thing: Found, row: str, why: Why, detail: str = "") -> Finding:
    return Finding(thing.kind, thing.id, why, row, detail)


_KNOWN = {
    Kind.INSTANCE: "instance_id", Kind.VOLUME: "volume_id", Kind.GROUP: "security_group_id", Kind.KEY: "key_pair_name",
}  # fmt: skip


def _the_reverse(found: Iterable[Found], rows: Mapping[str, Instance], cloud: Cloud) -> list[Finding]:
    """Return resources that rows know and the listing does not show: they are gone, or have lost their tags."""
    tagged = {thing.id: thing.row for thing in found}
    present = [row for row in rows.values() if row.status in PRESENT]
    findings = []
    for kind, field in _KNOWN.items():
        known = {str(getattr(row, field)): row for row in present if getattr(row, field)}
        astray = {id: row for id, row in known.items() if tagged.get(id) != str(row.pk)}
        there = {thing.id: thing for thing in cloud.shown(kind, astray)} if astray else {}
        for id, row in sorted(astray.items()):
            if thing := there.get(id):
                own = {Tag.ROW: str(row.pk)} | mark(deployment_id())
                tags = " ".join(f"{key}={value}" for key, value in own.items())
                findings.append(_finding(thing, str(row.pk), Why.UNTAGGED, tags))
                findings += _opened(thing, row)
            else:
                findings.append(Finding(kind, id, Why.MISSING if kind is Kind.INSTANCE else Why.LOST, str(row.pk)))
    return findings


def _what_lasts(row: Instance, now: datetime) -> Why | None:
    """Return what lasts for too long; the reconciler goes on trying."""
    if now - row.status_since <= clock.real_seconds(LASTS_AFTER.total_seconds()):
        return None
    if row.status == Status.TERMINATING or (row.status == Status.FAILED and not row.is_clean):
        return Why.STUCK
    if row.status == Status.STOPPING:
        return Why.STOP_STUCK
    if row.status != Status.RUNNING:
        return None
    return Why.UNARMED if not row.is_armed else Why.DOUBLED if row.has_other_alarm else None


def _lasting(row: Instance, why: Why) -> Finding:
    return Finding(Kind.INSTANCE, str(row.instance_id), why, str(row.pk), detail=row.error_code)


def _measure_anew(found: Iterable[Found], rows: Mapping[str, Instance], now: datetime) -> None:
    """Have the next observation measure disks that grew in the console, or did not grow although AWS accepted it."""
    for thing in found:
        row = rows.get(thing.row)
        if row and thing.id == row.volume_id and thing.gib != (row.seen_volume_gib or thing.gib):
            grows = row.changes.filter(reason=Reason.RESIZED, at__gt=now - clock.real_seconds(GRACE.total_seconds()))
            if not grows.exists():  # AWS shows a new size only after minutes
                Instance.objects.filter(pk=row.pk, volume_id=thing.id).update(seen_volume_gib=None)


def survey(cloud: Cloud) -> list[Finding]:
    """Compare AWS and database now, and store the findings, with the time since when each has held."""
    began = clock.now()
    # The rows are read after the listing, so that what was created meanwhile has one.
    found = cloud.inventory()
    named = [row for row in {_row_of(thing) for thing in found} if is_id(row)]
    wanted = Instance.objects.filter(Q(pk__in=named) | ~Q(status=Status.TERMINATED))
    rows = {str(row.pk): row for row in wanted.select_related("run").prefetch_related("launches")}
    _measure_anew(found, rows, began)
    findings = [
        *compare(found, rows),
        *_the_reverse(found, rows, cloud),
        *warm_ups.findings(),
        *(_lasting(row, why) for row in rows.values() if (why := _what_lasts(row, began))),
        *refusals.standing(),
    ]
    before = {finding.key: finding for finding in remembered()}
    findings = [_dated(finding, before.get(finding.key), began) for finding in findings]
    Deployment.current().update(
        swept_at=began, sweep_count=len(found), findings=[finding.to_json() for finding in findings]
    )
    return findings


def _dated(finding: Finding, before: Finding | None, now: datetime) -> Finding:
    return replace(finding, since=before.since if before else now.isoformat())


def sweep(cloud: Cloud) -> None:
    """Remove the leaks that two sweeps have seen, unless there are suspiciously many."""
    findings = survey(cloud)
    limit = clock.now() - clock.real_seconds(GRACE.total_seconds())
    certain = {f.key for f in findings if f.why in REFUSALS | DRIFT or f.kind == REGION}
    lasting = [f for f in findings if f.key in certain or datetime.fromisoformat(f.since) <= limit]
    for finding in findings:
        if finding.why in DRIFT:  # fixing these deletes nothing, and cannot wait
            fix(finding, cloud)
    leaks = [finding for finding in lasting if finding.why in LEAKS]
    # A database restored from an old dump may take present machines for leaks.
    is_behind = any(finding.why is Why.UNKNOWN for finding in findings)
    if is_behind or are_too_many(len(leaks), Deployment.current().get().sweep_count):
        _tell(lasting)
        return
    errors = [error for finding in leaks if (error := _tried(finding, cloud))]
    _tell([finding for finding in lasting if finding.why not in LEAKS])
    if errors:
        raise errors[0]


def are_too_many(leaks: int, there: int) -> bool:
    """Return whether a person has to agree first."""
    return leaks > AT_MOST or (leaks > 1 and leaks > SHARE * there)


def _tried(finding: Finding, cloud: Cloud) -> CloudError | None:
    try:
        fix(finding, cloud)
    except CloudError as error:
        return error
    return None


def fix(finding: Finding, cloud: Cloud) -> None:
    """Remove one leak, or undo what somebody has changed; some are left to the reconciler. It may run twice."""
    match finding.kind, finding.why:
        case _, why if why in DRIFT:
            with transaction.atomic():
                ingress.set_again(finding.row)
                enqueue(Instance.objects.get(pk=finding.row))
        case _, why if why not in LEAKS:
            pass  # left to a person
        case Kind.INSTANCE, _:
            pass  # `end_superseded` terminates it: its launch is known
        case Kind.VOLUME, _:
            cloud.delete_volume(finding.id)
        case Kind.GROUP, _:
            if not Instance.objects.filter(security_group_id=finding.id).exists():
                cloud.delete_group(finding.id)
        case Kind.KEY, Why.SURPLUS:
            if not Instance.objects.filter(key_pair_name=finding.id).exists():
                cloud.delete_key(finding.id)
        case _:
            with transaction.atomic():
                # Left to the reconciler, under the lock of that row, which may just be using these names again.
                row = Instance.objects.filter(pk=finding.row)
                if finding.why is Why.SURPLUS:
                    row.exclude(alarm_name=finding.id).update(has_other_alarm=True)
                else:
                    row.filter(is_clean=True).update(is_clean=False)
                enqueue(row.get())


def remove_unknown(finding: Finding, cloud: Cloud) -> None:
    """Remove what no row knows, at an administrator's request. Raises NotYet while something else uses it."""
    known = Q(instance_id=finding.id) | Q(security_group_id=finding.id) | Q(key_pair_name=finding.id)
    if Instance.objects.exclude(status=Status.TERMINATED).filter(known).exists():
        raise NotYet("InUse", "a row knows it by now")
    {
        Kind.INSTANCE: cloud.terminate,
        Kind.VOLUME: cloud.delete_volume,
        Kind.GROUP: cloud.delete_group,
        Kind.KEY: cloud.delete_key,
        Kind.ALARM: cloud.delete_alarm,
    }[Kind(finding.kind)](finding.id)


def _tell(findings: list[Finding]) -> None:
    """Tell administrators, once for each resource that needs a person."""
    keys = [list(finding.key) for finding in findings]
    with transaction.atomic():
        told = Deployment.current().select_for_update().get().findings_told
        if any(key not in told for key in keys):
            notify_administrators("findings")
        Deployment.current().update(findings_told=keys)
