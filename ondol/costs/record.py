"""The records of machines, in the form that `calculation` needs."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import QuerySet

from ondol.config import config
from ondol.costs.calculation import Change
from ondol.costs.months import Span
from ondol.instances.models import Instance, StatusChange
from ondol.instances.record import Record, Size
from ondol.instances.states import Reason, Status

_BEFORE = timedelta(days=1)
"""The longest time that a start or a stop takes: so one line before it gives the state at the start of the span."""
_FIELDS = ("instance_id", "at", "new", "reason", "detail")


def zone() -> ZoneInfo:
    """Return the time zone of the months."""
    return ZoneInfo(config().time_zone)


def usage_by_owner(people: Collection[int] | None, span: Span) -> dict[int, list[list[Change]]]:
    """Return the history in that span, by owner and machine; of all people for None. Four queries for any number."""
    machines = Instance.objects.filter(created_at__lt=span.end)
    machines = machines.exclude(status=Status.TERMINATED, status_since__lt=span.start)
    if people is not None:
        machines = machines.filter(owner__in=people)
    rows = {row.pk: row for row in machines.only("owner_id", "instance_type", "volume_gib")}
    found: defaultdict[int, list[list[Change]]] = defaultdict(list)
    for pk, lines in _lines(rows, span).items():
        found[rows[pk].owner_id].append(_explained(_change(line, rows[pk]) for line in lines))
    return dict(found)


def _lines(machines: Collection[Any], span: Span) -> dict[Any, list[tuple[Any, ...]]]:
    since = span.start - _BEFORE
    record = StatusChange.objects.filter(instance__in=machines)
    earlier: QuerySet[StatusChange] = record.filter(at__lt=since).order_by("instance", "-at", "-id")
    # A change is written later than it happens, and may have happened in the span.
    later: QuerySet[StatusChange] = record.filter(at__gte=span.end).order_by("instance", "at", "id")
    later = later.exclude(new=Status.STOPPING, reason=Reason.UNKNOWN)  # the next line has the time
    lines: defaultdict[Any, list[tuple[Any, ...]]] = defaultdict(list)
    for some in (
        earlier.distinct("instance").values_list(*_FIELDS),
        record.filter(at__gte=since, at__lt=span.end).order_by("at", "id").values_list(*_FIELDS),
        later.distinct("instance").values_list(*_FIELDS),
    ):
        for line in some:
            lines[line[0]].append(line)
    return lines


def _explained(changes: Iterable[Change]) -> list[Change]:
    """Return the changes; each stop that nobody here asked for has the reason and the time of what followed it."""
    told: list[Change] = []
    for change in reversed(list(changes)):
        if told and change.status is Status.STOPPING and change.reason is Reason.UNKNOWN:
            change = replace(change, at=min(change.at, told[-1].at), reason=told[-1].reason)
        told.append(change)
    return told[::-1]


def _change(line: tuple[Any, ...], row: Instance) -> Change:
    _, at, new, reason, detail = line
    record = Record.from_json(detail)
    size = record.size or Size(row.instance_type, row.volume_gib)
    return Change(
        min(at, record.since or at),
        Status(new),
        record.status_reason or Reason(reason),  # the reason of the stop still applies after a change of size
        size.instance_type,
        size.volume_gib,
    )
