"""Which stops some rules would have made: a simulation of a machine's weeks. Standard library only, no I/O.

`warm_up`, `earliest_stop`, `closing_of` and `work_of` decide when a machine stops, as they do for real ones. Here is
only what is assumed where data ends (docs/decisions/0041): where a real stop by a rule is not simulated, the machine
idles on; and whoever works after a simulated stop has started the machine again at once.
"""

from bisect import bisect_right
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum

from ondol.autostop.closing import closing_of
from ondol.autostop.forecast import PERIOD, SHOWN_AFTER, earliest_stop, floor, warm_up
from ondol.autostop.work import DAY, Limits, Sample, work_of
from ondol.policy.hours import Hours

BEFORE, AFTER = timedelta(minutes=5), timedelta(minutes=30)
"""A stop interrupts somebody who worked so shortly before or after it, or started the machine so shortly after it."""


@dataclass(frozen=True, slots=True)
class Terms:
    """The rules about stops that apply to one person, on the type of their machine."""

    idle_minutes: int
    cpu_percent: float
    network: float
    """Bytes per second; the three below are as in `work.Limits`."""
    disk: float
    day: timedelta
    awake: timedelta
    """The longest permitted wish; zero: no wishes."""
    hours: Hours | None

    def limits(self, run_since: datetime) -> Limits:
        return Limits(self.cpu_percent, self.network, self.disk, run_since, self.day)


@dataclass(frozen=True, slots=True)
class Life:
    """What is known of a machine in a span of time."""

    starts: Sequence[datetime]
    """When each of its runs began, or the start of the span if that is later; oldest first, like all fields here."""
    ends: Sequence[datetime]
    """When runs ended, except those that auto-stop or hours have ended."""
    samples: Sequence[Sample]
    """Samples that may count as work by any of the rules."""
    until: datetime
    wishes: Sequence[tuple[datetime, datetime | None]] = ()
    """When its owner wished to keep it awake, and until when; None: not any more."""
    waived: Sequence[tuple[datetime, datetime | None]] = ()
    """The same for closing times after which it was to run on."""


@dataclass(frozen=True, slots=True)
class Stop:
    """One stop by a rule."""

    at: datetime
    is_closing: bool


@dataclass(frozen=True, slots=True)
class Replay:
    """The result for one machine."""

    stops: tuple[Stop, ...]
    ran: timedelta


def replay(life: Life, terms: Terms, worked: Sequence[datetime]) -> Replay:
    """Return the result of these rules for a machine; `worked` are the starts of the periods in which it worked."""
    machine = _Machine(terms)
    for at, kind, about in sorted(_events(life, worked), key=lambda event: event[:2]):
        machine.live(at, kind, about)
    machine.live(life.until, _Kind.END)
    return Replay(tuple(machine.stops), machine.ran)


def worked(life: Life, terms: Terms) -> list[datetime]:
    """Return the starts of the periods that count as work by these rules."""
    found: list[datetime] = []
    leased: deque[datetime] = deque()
    by_run = [terms.limits(start) for start in life.starts]
    first = [floor(start) for start in life.starts]
    for sample in life.samples:
        run = bisect_right(first, sample.at) - 1
        if run < 0 or (work := work_of(sample, by_run[run])) is None:
            continue
        if work.needs_lease and sample.percent < terms.cpu_percent:
            while leased and leased[0] <= sample.at - DAY:
                leased.popleft()
            if by_run[run].left(PERIOD * len(leased)) <= timedelta():
                continue  # the hours of the day are used up
            leased.append(sample.at)
        found.append(sample.at)
    return found


def interruptions(life: Life, stops: Sequence[Stop], worked: Sequence[datetime]) -> list[Stop]:
    """Return the stops at which somebody worked, or after which somebody soon started the machine again."""
    return [
        stop
        for stop in stops
        if _is_any(worked, stop.at - BEFORE - PERIOD, stop.at + AFTER) or _is_any(life.starts, stop.at, stop.at + AFTER)
    ]


class _Kind(IntEnum):
    """Kinds of events, in the order in which those of one moment are handled."""

    END = 0
    START = 1
    WISH = 2
    WAIVE = 3
    WORK = 4
    """CloudWatch shows that a machine worked in a period."""


def _events(life: Life, worked: Sequence[datetime]) -> Iterator[tuple[datetime, _Kind, datetime | None]]:
    yield from ((at, _Kind.END, None) for at in life.ends)
    yield from ((at, _Kind.START, None) for at in life.starts)
    yield from ((at, _Kind.WISH, until) for at, until in life.wishes)
    yield from ((at, _Kind.WAIVE, until) for at, until in life.waived)
    yield from ((min(at + PERIOD + SHOWN_AFTER[0], life.until), _Kind.WORK, at) for at in worked)


@dataclass(slots=True)
class _Run:
    """A run of a machine, as its replay goes on."""

    since: datetime
    idle_since: datetime
    warm_up_ends: datetime
    awake: datetime | None = None
    waived: datetime | None = None
    closes: datetime | None = None
    """When the run is stopped because the hours are over."""


class _Machine:
    """A machine at one moment of its replay."""

    def __init__(self, terms: Terms) -> None:
        self._terms = terms
        self.stops: list[Stop] = []
        self.ran = timedelta()
        self._run: _Run | None = None
        self._off_since: datetime | None = None
        self._is_off_by_rule = False

    def live(self, at: datetime, kind: _Kind, about: datetime | None = None) -> None:
        """Apply the rules until `at`, which may stop it; then handle this event."""
        self._stop_before(at)
        if kind is _Kind.END:
            self._end(at)
        elif kind is _Kind.WORK and about is not None:
            self._work(about)
        elif kind is not _Kind.WISH or self._terms.awake:
            run = self._run or self._start(at)
            if kind is _Kind.WISH:
                run.awake = min(about, at + self._terms.awake) if about else None
                self._arm(run, at)
            elif kind is _Kind.WAIVE:
                run.waived = about
                self._look(run, at)

    def _stop_before(self, to: datetime) -> None:
        if (run := self._run) is None:
            return
        idle = earliest_stop(run.idle_since, self._terms.idle_minutes, run.warm_up_ends)
        is_closing = run.closes is not None and run.closes <= idle
        at = min(run.closes or idle, idle)
        if at < to:
            self.stops.append(Stop(at, is_closing))
            self._end(at, by_rule=True)

    def _end(self, at: datetime, *, by_rule: bool = False) -> None:
        if self._run:
            self.ran += at - self._run.since
        self._run, self._off_since, self._is_off_by_rule = None, at, by_rule

    def _start(self, at: datetime) -> _Run:
        self._run = _Run(at, floor(at), at)
        self._arm(self._run, at)
        return self._run

    def _work(self, period: datetime) -> None:
        off = self._off_since
        if self._run is None and off and (period < off if not self._is_off_by_rule else period + PERIOD <= off):
            return  # the period belongs to the run that has ended
        run = self._run or self._start(max(period, off or period))
        run.idle_since = max(run.idle_since, period + PERIOD)

    def _arm(self, run: _Run, at: datetime) -> None:
        run.warm_up_ends = at + timedelta(minutes=warm_up(at, run.since, self._terms.idle_minutes, run.awake))
        self._look(run, at)

    def _look(self, run: _Run, at: datetime) -> None:
        """Find the next closing time of a run."""
        hours = self._terms.hours
        close = closing_of(run.since, run.awake, run.waived, hours, at)
        while close is not None and close.is_waived:
            close = closing_of(run.since, run.awake, run.waived, hours, close.at)
        run.closes = close.stops_at if close else None


def _is_any(moments: Sequence[datetime], after: datetime, until: datetime) -> bool:
    """Return whether a moment lies after `after`, and not later than `until`."""
    return bisect_right(moments, after) < bisect_right(moments, until)
