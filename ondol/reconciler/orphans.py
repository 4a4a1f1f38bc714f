"""Find what is ours in AWS but nobody's, and rows without their machine: compare both ways by tag, remove with care."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q

from ondol import clock
from ondol.cloud.errors import CloudError, NotYet
from ondol.cloud.port import MANAGED_BY, Cloud, Found, Kind
from ondol.deployment import warm_ups
from ondol.deployment.alerts import notify_administrators
from ondol.deployment.findings import DRIFT, LEAKS, REFUSALS, REGION, Finding, Why, remembered
from ondol.deployment.models import Deployment, deployment_id, is_id
from ondol.instances.actions import enqueue
from ondol.instances.lifecycle import Reason, Status
from ondol.instances.models import OTHER_ALARM, Instance
from ondol.reconciler import ingress, refusals

LASTS_AFTER = timedelta(minutes=15)
"""Real time. An end takes a minute or two, to arm a second."""
GRACE = timedelta(minutes=5)
"""Real time; besides, a thing must have been seen by two sweeps."""
SHOWN_AFTER = timedelta(minutes=1)
"""Real time. A listing may be older than what was set meanwhile."""
AT_MOST = 5
SHARE = 0.1
"""To remove more than this by itself is more likely a mistake of ours than so many leaks: administrators decide. A
single thing is never too large a share, else small sites would never be swept."""


def compare(found: Iterable[Found], rows: Mapping[str, Instance]) -> list[Finding]:
    """What is wrong with what there is. `rows` by id, their launches prefetched."""
    goes_on = [row for row in rows.values() if row.status != Status.TERMINATED]
    # By their ids, whatever tags say: anybody may write others in the console.
    known = {id: row for row in goes_on for id in (row.instance_id, row.security_group_id, row.key_pair_name) if id}
    return [finding for thing in found for finding in _judge(thing, known.get(thing.id), rows)]


def _judge(thing: Found, known_by: Instance | None, rows: Mapping[str, Instance]) -> list[Finding]:
    """`known_by`: the row that goes on and has its id."""
    if known_by and not _has_ended(known_by):
        return _opened(thing, known_by)
    if thing.kind is Kind.VOLUME and thing.in_use:
        return []  # it goes with its machine
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
            why = Why.UNKNOWN  # perhaps of that machine
        case Kind.KEY:
            why = Why.ENDED if has_ended else Why.SURPLUS
        case _:
            why = Why.ENDED if has_ended else Why.SURPLUS if _is_replaced(thing, instance) else None
    return [_finding(thing, row, why)] if why else []


def _is_replaced(thing: Found, instance: Instance) -> bool:
    """Return whether this machine has another group, or another alarm; the first one of all may just be asked for."""
    if thing.kind is Kind.ALARM:
        return instance.alarm_name not in {"", thing.id}
    return bool(instance.security_group_id) and not instance.unrecognized_instance_ids


def _has_ended(instance: Instance) -> bool:
    return instance.is_clean and instance.status in {Status.TERMINATED, Status.FAILED}


def _row_of(thing: Found) -> str:
    return thing.id.removeprefix("ondol-").removesuffix(OTHER_ALARM) if thing.kind is Kind.ALARM else thing.row


def _opened(thing: Found, instance: Instance) -> list[Finding]:
    """Whether others can reach this machine than it was last made to let in, or fewer."""
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
    return Finding(thing.kind.value, thing.id, why, row, detail)


_KNOWN = {
    Kind.INSTANCE: "instance_id", Kind.VOLUME: "volume_id", Kind.GROUP: "security_group_id", Kind.KEY: "key_pair_name",
}  # fmt: skip
_SETTLED = {Status.STARTING, Status.RUNNING, Status.STOPPING, Status.STOPPED}


def _the_reverse(found: Iterable[Found], rows: Mapping[str, Instance], cloud: Cloud) -> list[Finding]:
    """What rows know and the listing does not show under their tags: gone, or without them."""
    tagged = {thing.id: thing.row for thing in found}
    settled = [row for row in rows.values() if row.status in _SETTLED]
    findings = []
    for kind, field in _KNOWN.items():
        known = {str(getattr(row, field)): row for row in settled if getattr(row, field)}
        astray = {id: row for id, row in known.items() if tagged.get(id) != str(row.pk)}
        there = {thing.id: thing for thing in cloud.shown(kind, astray)} if astray else {}
        for id, row in sorted(astray.items()):
            if thing := there.get(id):
                tags = f"OndolId={row.pk} OndolDeployment={deployment_id()} ManagedBy={MANAGED_BY}"
                findings.append(_finding(thing, str(row.pk), Why.UNTAGGED, tags))
                findings += _opened(thing, row)
            else:
                findings.append(
                    Finding(kind.value, id, Why.MISSING if kind is Kind.INSTANCE else Why.LOST, str(row.pk))
                )
    return findings


def _what_lasts(row: Instance, now: datetime) -> Why | None:
    """What should have been over for long; the reconciler goes on trying."""
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
    """A disk that grew in the console, or has not grown in spite of AWS's promise: the next look at all measures it."""
    for thing in found:
        row = rows.get(thing.row)
        if row and thing.id == row.volume_id and thing.gib != (row.seen_volume_gib or thing.gib):
            grows = row.changes.filter(reason=Reason.RESIZED, at__gt=now - clock.real_seconds(GRACE.total_seconds()))
            if not grows.exists():  # it takes AWS minutes until it shows them
                Instance.objects.filter(pk=row.pk, volume_id=thing.id).update(seen_volume_gib=None)


def survey(cloud: Cloud) -> list[Finding]:
    """Compare AWS and database now, and remember what was found, with since when it has been so."""
    began = clock.now()
    # The rows after the listing: what was made meanwhile then has one.
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
    """Remove, on the worker's schedule, the leaks that two sweeps have seen, unless there are suspiciously many."""
    findings = survey(cloud)
    limit = clock.now() - clock.real_seconds(GRACE.total_seconds())
    certain = {f.key for f in findings if f.why in REFUSALS | DRIFT or f.kind == REGION}
    lasting = [f for f in findings if f.key in certain or datetime.fromisoformat(f.since) <= limit]
    for finding in findings:
        if finding.why in DRIFT:  # neither deletes anything, nor can wait
            mend(finding, cloud)
    leaks = [finding for finding in lasting if finding.why in LEAKS]
    # A database that AWS is ahead of may take the machines of today for the leaks of yesterday.
    is_behind = any(finding.why is Why.UNKNOWN for finding in findings)
    if is_behind or are_too_many(len(leaks), Deployment.current().get().sweep_count):
        _tell(lasting)
        return
    errors = [error for finding in leaks if (error := _tried(finding, cloud))]
    _tell([finding for finding in lasting if finding.why not in LEAKS])
    if errors:
        raise errors[0]


def are_too_many(leaks: int, there: int) -> bool:
    """Whether a person has to agree first."""
    return leaks > AT_MOST or (leaks > 1 and leaks > SHARE * there)


def _tried(finding: Finding, cloud: Cloud) -> CloudError | None:
    try:
        mend(finding, cloud)
    except CloudError as error:
        return error
    return None


def mend(finding: Finding, cloud: Cloud) -> None:
    """Take one leak away, or hand it to the one who does, as what somebody has changed; twice is once."""
    match finding.kind, finding.why:
        case _, why if why in DRIFT:
            with transaction.atomic():
                ingress.set_again(finding.row)
                enqueue(Instance.objects.get(pk=finding.row))
        case _, why if why not in LEAKS:
            pass  # for a person
        case Kind.INSTANCE, _:
            pass  # the looks end it: they know its launch
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
                # The reconciler's work, under that row's own lock: it may just be using these names again.
                row = Instance.objects.filter(pk=finding.row)
                if finding.why is Why.SURPLUS:
                    row.exclude(alarm_name=finding.id).update(has_other_alarm=True)
                else:
                    row.filter(is_clean=True).update(is_clean=False)
                enqueue(row.get())


def remove_unknown(finding: Finding, cloud: Cloud) -> None:
    """Because an administrator has said so: remove what no row knows. NotYet while something else uses it."""
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
    """Once for each thing that needs a person."""
    keys = [list(finding.key) for finding in findings]
    with transaction.atomic():
        told = Deployment.current().select_for_update().get().findings_told
        if any(key not in told for key in keys):
            notify_administrators("findings")
        Deployment.current().update(findings_told=keys)
