"""The history of somebody's machines: created, started, stopped, by whom, why, and how long each run was."""

import uuid
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from django.utils.translation import gettext_lazy as _

from ondol.accounts.models import User
from ondol.audit.actions import Action, Outcome
from ondol.audit.models import Entry
from ondol.autostop.models import WorkLease
from ondol.instances.lifecycle import CHANGING, Reason, Status
from ondol.instances.messages.reasons import REASONS
from ondol.instances.messages.signals import event as lease_of
from ondol.instances.messages.statuses import event as event_of
from ondol.instances.messages.texts import Text
from ondol.instances.models import Instance, StatusChange
from ondol.instances.record import Receipt, Signal

_NEWEST = 500
"""The number of changes that a page is made from."""


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened to a machine."""

    at: datetime
    what: Text
    why: Text = ""
    by: User | None = None
    """The person who asked for it."""
    ran: timedelta | None = None
    """The length of the run that it ended."""
    receipt: Receipt | None = None
    is_lease: bool = False
    """`ran` is the length of what kept it on."""
    until: datetime | None = None
    """Until when it was to be kept awake."""
    size: str = ""
    """The size, such as `t3.small, 30 GiB`, where it is new."""


def timeline(owner: User, changes: int = _NEWEST) -> list[Event]:
    """Return the history of all machines that somebody has had, newest first, as far as so many changes tell."""
    newest = StatusChange.objects.filter(instance__owner=owner).select_related("by").order_by("-at", "-id")[:changes]
    stories: defaultdict[uuid.UUID, list[StatusChange]] = defaultdict(list)
    for change in reversed(newest):
        stories[change.instance_id].append(change)
    events = [event for story in stories.values() for event in _told(story)]
    since = min((event.at for event in events), default=None)
    events += [*_leases(owner, since), *_kept_awake(owner, since)] if since else []
    return sorted(events, key=lambda event: event.at, reverse=True)


def _leases(owner: User, since: datetime) -> list[Event]:
    """Return what kept machines on although their CPU was idle, as far back as the rest."""
    kept = WorkLease.objects.filter(run__instance__owner=owner, began_at__gte=since)
    return [
        Event(one.began_at, lease_of(Signal(one.signal), one.rate), ran=one.worked_until - one.began_at, is_lease=True)
        for one in kept
    ]


def _kept_awake(owner: User, since: datetime) -> list[Event]:
    """Return who has kept machines awake, and until when, or has ended that: why they ran on while nothing happened."""
    told = Entry.objects.filter(on_id=owner.pk, action=Action.MACHINE_AWAKE, outcome=Outcome.DONE, at__gte=since)
    entries = list(told[:_NEWEST])
    people = User.objects.in_bulk({entry.by_id for entry in entries if entry.by_id})
    return [_awake(entry, people.get(entry.by_id or 0)) for entry in entries]


def _awake(entry: Entry, by: User | None) -> Event:
    until = entry.details.get("until")
    if not until:
        return Event(entry.at, _("Keep-awake ended"), by=by)
    return Event(entry.at, _("Kept awake"), by=by, until=datetime.fromisoformat(until))


def last_receipt(instance: Instance) -> Receipt | None:
    """Return the receipt of a machine that was stopped for idling."""
    if (instance.status, instance.status_reason) != (Status.STOPPED, Reason.IDLE):
        return None
    return instance.run.idle_receipt


def _told(story: list[StatusChange]) -> Iterator[Event]:
    """Yield one machine's events. A request is shown with its result, or as under way."""
    wish: StatusChange | None = None
    is_told = False
    runs_since: datetime | None = None
    receipt: Receipt | None = None
    for change in story:
        status, before = Status(change.new), Status(change.old) if change.old else None
        receipt = change.record.receipt or receipt
        at = _in_aws(change)
        if status is before:
            what = REASONS[Reason(change.reason)].event
            yield Event(at, what, _why(change), by=change.by, size=_size(change))
            continue
        ran = at - runs_since if runs_since and status not in {Status.RUNNING, Status.STOPPING} else None
        if status is Status.RUNNING:
            runs_since = runs_since or at
        elif status is not Status.STOPPING:
            runs_since = None
        if status in CHANGING:
            if ran is not None:  # terminated while it ran
                yield Event(at, event_of(status), _why(change), change.by, ran)
            wish, is_told = change, ran is not None
            continue
        yield replace(_done(change, before, wish), ran=ran, receipt=receipt if status is Status.STOPPED else None)
        wish = receipt = None
    if wish is not None and not is_told:
        yield Event(wish.at, event_of(Status(wish.new)), _why(wish), wish.by)


def _done(change: StatusChange, before: Status | None, wish: StatusChange | None) -> Event:
    """Return the result of a request, or what happened without one."""
    status = Status(change.new)
    is_new = (before, status) == (Status.PENDING, Status.RUNNING)
    what, by = event_of(status, before), (wish and wish.by) or change.by
    return Event(_in_aws(change), what, _why(change), by, size=_size(change) if is_new else "")


def _in_aws(change: StatusChange) -> datetime:
    """Return when it was so in AWS, if that was earlier than we noticed."""
    return min(change.at, change.record.since or change.at)


def _why(change: StatusChange) -> Text:
    return REASONS[Reason(change.reason)].in_history


def _size(change: StatusChange) -> str:
    size = change.record.size
    return f"{size.instance_type}, {size.volume_gib} GiB" if size else ""
