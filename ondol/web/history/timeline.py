"""The history of somebody's machines: created, started, stopped, by whom, why, and how long each run was."""

import uuid
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from django.db.models import QuerySet

from ondol.accounts.models import User
from ondol.database.kept import Kept
from ondol.instances.messages.reasons import REASONS
from ondol.instances.messages.statuses import event as event_of
from ondol.instances.messages.texts import Text
from ondol.instances.models import Instance, StatusChange
from ondol.instances.record import Receipt
from ondol.instances.states import CHANGING, Reason, Status
from ondol.web.history import kept_on
from ondol.web.history.event import Event

_NEWEST, LATEST = 500, 24
"""The number of changes from which a page, and the newest events of a dashboard, are made."""
_ONE_RESIZE = timedelta(minutes=10)


def timeline(owner: User, changes: int = _NEWEST) -> list[Event]:
    """Return the history of all machines that somebody has had, newest first, as far as so many changes tell."""
    newest = _NEWEST_OF.all(owner.pk) if changes == LATEST else list(_newest(owner.pk, changes))
    stories: defaultdict[uuid.UUID, list[StatusChange]] = defaultdict(list)
    for change in reversed(newest):
        stories[change.instance_id].append(change)
    events = [event for story in stories.values() for event in _told(_as_wished(story))]
    since = min((event.at for event in events), default=None)
    events += kept_on.events(owner, since, newest) if since else []
    return sorted(events, key=lambda event: event.at, reverse=True)


def _newest(owner: int, changes: int) -> QuerySet[StatusChange]:
    of_owner = StatusChange.objects.filter(instance__owner_id=owner)
    return of_owner.select_related("by").order_by("-at", "-id")[:changes]


_NEWEST_OF = Kept[StatusChange](lambda owner: _newest(owner, LATEST), 1_000_000_007)


def last_receipt(instance: Instance) -> Receipt | None:
    """Return the receipt of a machine that was stopped for idling."""
    if (instance.status, instance.status_reason) != (Status.STOPPED, Reason.IDLE):
        return None
    return instance.run.idle_receipt


def _as_wished(story: list[StatusChange]) -> list[StatusChange]:
    """Return the changes, with one line for type and disk together, which EC2 changes one after the other."""
    return [
        change
        for change, after in zip(story, [*story[1:], None], strict=True)
        if after is None or {change.reason, after.reason} != {Reason.RESIZED} or after.at - change.at > _ONE_RESIZE
    ]


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
    """Return when the change happened in AWS, if that was before we noticed it."""
    return min(change.at, change.record.since or change.at)


def _why(change: StatusChange) -> Text:
    return REASONS[Reason(change.reason)].in_history


def _size(change: StatusChange) -> str:
    size = change.record.size
    return f"{size.instance_type}, {size.volume_gib} GiB" if size else ""
