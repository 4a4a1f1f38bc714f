"""What a change of rules would have done in the last weeks: old and new rules are replayed over the stored readings."""

import uuid
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import Count, DurationField, ExpressionWrapper, Min, Q, QuerySet, Sum
from django.db.models.functions import Coalesce, Greatest, Least

from ondol import clock
from ondol.accounts.models import User
from ondol.audit.actions import Action, Outcome
from ondol.audit.models import Entry
from ondol.autostop.forecast import PERIOD
from ondol.autostop.models import CpuReading
from ondol.autostop.replay import Life, Replay, Stop, Terms, interruptions, replay, worked
from ondol.autostop.running_now import Running, running_now
from ondol.autostop.samples import worked_at_most
from ondol.instances.models import Instance, Run
from ondol.instances.states import Reason
from ondol.policy.catalog import AWAKE_MOST
from ondol.policy.hours import WAIVED_MOST
from ondol.policy.models import Policy
from ondol.policy.rules import Rules, rules_for
from ondol.policy.threshold import cpu_percent

BACK = timedelta(days=30)
_MOST_PERIODS = 250_000
"""The most 5-minute periods that are replayed, in about two seconds; if there are more, fewer machines are replayed."""
_FURTHEST = max(AWAKE_MOST, WAIVED_MOST)
"""The longest that a wish can last: older ones are not read."""
_BY_RULE = {Reason.IDLE, Reason.SCHEDULE}
"""Reasons of stops that might not have happened with other rules."""
_TABLE = {Action.MACHINE_AWAKE: "until", Action.MACHINE_HOURS: "waived"}
"""The name of the detail that says until when, by action."""


@dataclass(slots=True)
class Totals:
    """The results of one set of rules for all machines that are replayed."""

    idle: int = 0
    closing: int = 0
    interrupting: int = 0
    """Stops of both kinds at which somebody worked."""
    ran: Counter[str] = field(default_factory=Counter)
    """Seconds, by instance type."""

    @property
    def stops(self) -> int:
        return self.idle + self.closing

    @property
    def hours(self) -> float:
        return self.ran.total() / 3600


@dataclass(frozen=True, slots=True)
class Interruption:
    """A stop by the proposed rules at which somebody worked."""

    owner: User
    at: datetime
    is_closing: bool


@dataclass(slots=True)
class Preview:
    """The results of the present and the proposed rules for the same weeks."""

    is_about_stops: bool
    """The change affects rules about stops of somebody, even if they have no machine."""
    since: datetime
    until: datetime
    is_short: bool = False
    """There are no readings for part of the time."""
    machines: int = 0
    """Machines that ran in this time, and whose rules about stops change."""
    replayed: int = 0
    """The number of these that are replayed."""
    runs: int = 0
    now: Totals = field(default_factory=Totals)
    then: Totals = field(default_factory=Totals)
    interruptions: list[Interruption] = field(default_factory=list)
    running: Running = field(default_factory=Running)

    @property
    def is_part(self) -> bool:
        return self.replayed < self.machines

    @property
    def days(self) -> int:
        return max(1, round((self.until - self.since) / timedelta(days=1)))


class BusyError(Exception):
    """Another preview is being made."""


def preview(policy: Policy) -> Preview:
    """Return what this policy, which is not saved, would have done instead of its owner's present policy.

    Raise BusyError while another one is made: each takes seconds of a processor, and pages wait meanwhile.
    """
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_try_advisory_xact_lock(hashtext('ondol.preview'))")
            if not cursor.fetchone()[0]:
                raise BusyError
        return _replayed(policy)


def _replayed(policy: Policy) -> Preview:
    until = clock.now()
    people = {policy.owner_id} if policy.owner_id else set(Instance.objects.values_list("owner", flat=True))
    before, after = rules_for(people), rules_for(people, policy)
    whom = (*people, *([] if policy.owner_id else [None]))
    concerned = {one for one in whom if _about_stops(before[one]) != _about_stops(after[one])}
    found = Preview(bool(concerned), until - BACK, until)
    found.running = running_now(concerned - {None}, before, after, until)
    terms = _terms(concerned - {None}, before, after)
    oldest = CpuReading.objects.filter(instance__in=terms, at__gte=found.since).aggregate(at=Min("at"))["at"]
    if oldest is None:
        found.is_short = True
        return found
    if oldest - found.since > timedelta(days=1):
        found.since, found.is_short = oldest, True
    periods = _periods(terms, found)
    found.machines = len(periods)
    chosen = _as_many_as_fit(periods)
    found.replayed = len(chosen)
    runs = _runs(chosen, found.since)
    wishes = _wishes(chosen, terms, found)
    least = {pk: terms[pk].least for pk in chosen}
    for pk, samples in worked_at_most(least, found.since).items():
        _add(found, terms[pk], Life(*_starts_and_ends(runs[pk], found.since), samples, until, *wishes[pk]))
    found.runs = sum(len(runs[pk]) for pk in chosen)
    found.interruptions.sort(key=lambda one: one.at, reverse=True)
    return found


@dataclass(frozen=True, slots=True)
class _Both:
    """One machine, and its terms by the present and by the proposed rules."""

    owner: User
    instance_type: str
    now: Terms
    then: Terms

    @property
    def least(self) -> tuple[float, float, float]:
        """Return the CPU, network and disk from which a period may count as work by either rules; 0: does not count."""
        network = [limit for limit in (self.now.network, self.then.network) if limit]
        disk = [limit for limit in (self.now.disk, self.then.disk) if limit]
        return min(self.now.cpu_percent, self.then.cpu_percent), min(network, default=0.0), min(disk, default=0.0)


def _about_stops(rules: Rules) -> tuple[object, ...]:
    hours = rules.hours and replace(rules.hours, set_at=None)
    work = rules.network_kbs, rules.disk_mbs, rules.lease_hours
    return rules.idle_minutes, rules.idle_core_percent, *work, rules.awake_hours, hours


def _terms(
    people: Collection[int | None], before: Mapping[int | None, Rules], after: Mapping[int | None, Rules]
) -> dict[uuid.UUID, _Both]:
    rows = Instance.objects.filter(owner__in=people).select_related("owner")
    found = {}
    for row in rows:
        kind = row.size.instance_type
        found[row.pk] = _Both(row.owner, kind, _by(before[row.owner_id], kind), _by(after[row.owner_id], kind))
    return found


def _by(rules: Rules, instance_type: str) -> Terms:
    return Terms(
        idle_minutes=rules.idle_minutes,
        cpu_percent=cpu_percent(rules.idle_core_percent, instance_type),
        network=rules.network_kbs * 1e3,
        disk=rules.disk_mbs * 1e6,
        day=timedelta(hours=rules.lease_hours),
        awake=timedelta(hours=rules.awake_hours),
        # As if the rules had always applied: nobody gets the grace time of new hours.
        hours=rules.hours and replace(rules.hours, set_at=None),
    )


def _ran(machines: Collection[uuid.UUID], since: datetime) -> QuerySet[Run]:
    """Return the runs of these machines since a time."""
    still_then = Q(ended_at=None) | Q(ended_at__gt=since)
    return Run.objects.filter(still_then, instance__in=machines, launched_at__isnull=False)


def _periods(machines: Collection[uuid.UUID], found: Preview) -> dict[uuid.UUID, int]:
    """Return how many periods each machine has run, as the database adds them up: a run has at least one."""
    lasted = Least(Coalesce("ended_at", found.until), found.until) - Greatest("launched_at", found.since)
    rows = _ran(machines, found.since).order_by().values_list("instance")
    told = rows.annotate(runs=Count("pk"), ran=Sum(ExpressionWrapper(lasted, DurationField())))
    return {pk: runs + max(0, ran // PERIOD) for pk, runs, ran in told}


def _as_many_as_fit(periods: Mapping[uuid.UUID, int]) -> list[uuid.UUID]:
    """Return as many machines as fit, at least one, in the order of their ids, which are random."""
    chosen: list[uuid.UUID] = []
    left = _MOST_PERIODS
    for pk in sorted(periods):
        left -= periods[pk]
        if left < 0 and chosen:
            break
        chosen.append(pk)
    return chosen


def _runs(chosen: Collection[uuid.UUID], since: datetime) -> dict[uuid.UUID, list[Run]]:
    """Return the runs of the machines that are replayed; they have at most as many runs as periods."""
    found: defaultdict[uuid.UUID, list[Run]] = defaultdict(list)
    told = _ran(chosen, since).only("instance_id", "launched_at", "ended_at", "end_reason")
    for run in told.order_by("launched_at").iterator():
        found[run.instance_id].append(run)
    return found


def _starts_and_ends(runs: Iterable[Run], since: datetime) -> tuple[list[datetime], list[datetime]]:
    starts = [max(run.launched_at, since) for run in runs if run.launched_at]
    ends = [run.ended_at for run in runs if run.ended_at and run.end_reason not in _BY_RULE]
    return starts, ends


Wishes = list[tuple[datetime, datetime | None]]


def _wishes(
    chosen: Collection[uuid.UUID], terms: Mapping[uuid.UUID, _Both], found: Preview
) -> dict[uuid.UUID, tuple[Wishes, Wishes]]:
    """Return the wishes to keep machines awake, and the closing times at which they were to run on, by machine."""
    wishes: dict[uuid.UUID, tuple[Wishes, Wishes]] = {pk: ([], []) for pk in chosen}
    owners = {terms[pk].owner.pk for pk in chosen}
    told = Entry.objects.filter(
        on_id__in=owners, action__in=_TABLE, outcome=Outcome.DONE, at__gte=found.since - _FURTHEST
    ).order_by("id")
    for entry in told:
        details = entry.details if isinstance(entry.details, dict) else {}
        pk, until = _uuid(details.get("machine")), _moment(details.get(_TABLE[Action(entry.action)]))
        if pk in wishes and (entry.at >= found.since or (until and until > found.since)):
            wishes[pk][entry.action == Action.MACHINE_HOURS].append((max(entry.at, found.since), until))
    return wishes


def _add(found: Preview, both: _Both, life: Life) -> None:
    worked_now = worked(life, both.now)
    worked_then = worked_now if both.now.limits(life.until) == both.then.limits(life.until) else worked(life, both.then)
    # Work by either rules: a stop by the new ones may interrupt work by the present ones.
    by_either = sorted({*worked_now, *worked_then})
    _count(found.now, both.instance_type, replay(life, both.now, worked_now), life, by_either)
    stops = _count(found.then, both.instance_type, replay(life, both.then, worked_then), life, by_either)
    found.interruptions += [Interruption(both.owner, stop.at, stop.is_closing) for stop in stops]


def _count(totals: Totals, kind: str, done: Replay, life: Life, by_either: list[datetime]) -> list[Stop]:
    """Add the result for one machine, and return the stops at which somebody worked."""
    closing = sum(stop.is_closing for stop in done.stops)
    interrupting = interruptions(life, done.stops, by_either)
    totals.idle += len(done.stops) - closing
    totals.closing += closing
    totals.interrupting += len(interrupting)
    totals.ran[kind] += int(done.ran.total_seconds())
    return interrupting


def _uuid(text: Any) -> uuid.UUID | None:
    try:
        return uuid.UUID(str(text))
    except ValueError:
        return None


def _moment(text: Any) -> datetime | None:
    """Return a time with its zone; None if there is none, as in a row of another version."""
    try:
        found = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
    return found if found and found.tzinfo else None
