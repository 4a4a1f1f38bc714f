"""Events that are no change of status: why a machine was kept on, and warnings about a stop."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from django.utils.translation import gettext_lazy as _

from ondol import clock
from ondol.accounts.models import User
from ondol.audit.actions import Action, Outcome
from ondol.audit.models import Entry
from ondol.autostop.models import StopWarning, WorkLease
from ondol.database.kept import Kept
from ondol.instances.messages.signals import event as lease_of
from ondol.instances.models import StatusChange
from ondol.instances.record import Signal
from ondol.instances.states import Status
from ondol.web.history.event import Event

MOST = 500
"""The number of warnings and of keep-awakes that a page is made from."""


def events(owner: User, since: datetime, changes: Iterable[StatusChange]) -> list[Event]:
    """Return keep-awakes, work and warnings of somebody's machines, as far back as the rest of the history."""
    return [*_leases(owner, since), *_warnings(owner, since), *_kept_awake(owner, since, changes)]


def _leases(owner: User, since: datetime) -> list[Event]:
    """Return what kept machines on although their CPU was idle."""
    return [
        Event(one.began_at, lease_of(Signal(one.signal), one.rate), ran=one.worked_until - one.began_at, is_lease=True)
        for one in _LEASES.all(owner.pk, since)
    ]


_LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
_LEASES = Kept[WorkLease](
    lambda owner, since: WorkLease.objects.filter(run__instance__owner_id=owner, began_at__gte=since),
    1_000_000_007,
    _LONG_AGO,
)


def _warnings(owner: User, since: datetime) -> list[Event]:
    """Return the e-mails that have announced stops."""
    sent = _WARNINGS.all(owner.pk, since)
    return [Event(one.at, _("Warned by e-mail"), stops_at=one.stops_at) for one in sent]


_WARNINGS = Kept[StopWarning](
    lambda owner, since: StopWarning.objects.filter(instance__owner_id=owner, at__gte=since).order_by("-at")[:MOST],
    1_000_000_007,
    _LONG_AGO,
)


def _kept_awake(owner: User, since: datetime, changes: Iterable[StatusChange]) -> list[Event]:
    """Return who kept machines awake, until when, and how that ended: by a person, or by itself."""
    entries = list(reversed(_WISHES.all(owner.pk, since)))
    people = User.objects.in_bulk({entry.by_id for entry in entries if entry.by_id})
    ends: defaultdict[str, list[datetime]] = defaultdict(list)
    for change in changes:
        if change.new != Status.RUNNING:
            ends[str(change.instance_id)].append(change.at)
    wishes: defaultdict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        wishes[str(entry.details.get("machine"))].append(entry)
        ends[str(entry.details.get("machine"))].append(entry.at)
    lines = [_awake(entry, people.get(entry.by_id or 0)) for entry in entries]
    return [*lines, *(end for machine, some in wishes.items() for end in _ran_out(some, ends[machine]))]


_WISHES = Kept[Entry](
    lambda owner, since: Entry.objects.filter(
        on_id=owner, action=Action.MACHINE_AWAKE, outcome=Outcome.DONE, at__gte=since
    )[:MOST],
    1_000_000_007,
    _LONG_AGO,
)


def _awake(entry: Entry, by: User | None) -> Event:
    until = entry.details.get("until")
    if not until:
        return Event(entry.at, _("Keep-awake ended"), by=by)
    return Event(entry.at, _("Kept awake"), by=by, until=datetime.fromisoformat(until))


def _ran_out(entries: list[Entry], ends: list[datetime]) -> Iterator[Event]:
    """Yield the end of each wish, unless another wish or a stop came first."""
    for entry in entries:
        until = datetime.fromisoformat(entry.details["until"]) if entry.details.get("until") else None
        if until and until <= clock.now() and not any(entry.at < end <= until for end in ends):
            yield Event(until, _("Keep-awake ended"))
