"""What counts as work, and until when it keeps a machine on (its lease). Standard library only, no I/O.

The alarm in AWS judges only the CPU. While network or disk is busy, a worker therefore renews the alarm's warm-up, and
takes it back when the work is over: docs/decisions/0016.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from ondol.autostop.forecast import PERIOD
from ondol.instances.record import Signal as Signal

AHEAD = timedelta(minutes=60)
"""How far ahead a lease is renewed."""
RENEW_EVERY = timedelta(minutes=20)
"""A lease is renewed once that prolongs it by so much. So at least 40 minutes are left while work goes on, and there
are at most three calls an hour."""
FRESH = timedelta(minutes=16)
"""The age, since the end of its 5 minutes, after which a reading says nothing about the present."""
PAUSE = timedelta(minutes=15)
"""Work is over after so long without any; sooner with an idle window below 30 minutes: see `pause`."""
SETTLE = timedelta(minutes=4)
"""Added to the idle window when a lease is taken back. The alarm judges within a minute or two of its end; work may
have ended up to 5 minutes before the end of its last period. With these 4, that makes 11 minutes at most. With a window
of 15 minutes it is 13: if CloudWatch is late, less than NOTICE is left of the window."""
NOTICE = timedelta(minutes=12)
"""No machine stops sooner than this after a lease was taken back late, such as by a worker that was down."""
BOOT = timedelta(minutes=2)
"""What Ubuntu reads while it boots is no work: in a period that begins sooner after the start, only the CPU counts."""
DAY = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Work:
    """The work of 5 minutes."""

    signal: Signal
    rate: float
    """Bytes per second on average; for the CPU, per cent."""

    @property
    def needs_lease(self) -> bool:
        """Return whether it is work that the alarm does not see."""
        return self.signal is not Signal.CPU


@dataclass(frozen=True, slots=True)
class Limits:
    """What counts as work in one run: a value at a limit or above."""

    cpu_percent: float
    """The alarm of the run judges by it."""
    network: float
    """Bytes per second, in and out together; 0: the network does not count."""
    disk: float
    """Bytes per second, read and written together; 0: the disk does not count."""
    run_since: datetime
    day: timedelta = DAY
    """The longest time in 24 hours for which leases keep a machine on; zero: leases are off; 24 hours: no limit."""

    def left(self, used: timedelta) -> timedelta:
        """Return for how long leases may keep a machine on from now, if they have for `used` within 24 hours."""
        return DAY if self.day >= DAY else self.day - used


@dataclass(frozen=True, slots=True)
class Sample:
    """What a machine did in 5 minutes: bytes, and the CPU in per cent."""

    at: datetime
    percent: float
    network_in: int | None = None
    """None if it is not known, as for the two below."""
    network_out: int | None = None
    disk: int | None = None
    """Read and written."""


def work_of(sample: Sample, limits: Limits) -> Work | None:
    """Return what counts as work in these 5 minutes, if anything does.

    Network and disk come before the CPU: they are what a lease is for.
    """
    if limits.day > timedelta() and sample.at >= limits.run_since + BOOT:
        into, out = _rate(sample.network_in), _rate(sample.network_out)
        if 0 < limits.network <= into + out:
            return Work(Signal.DOWNLOAD, into) if into >= out else Work(Signal.UPLOAD, out)
        if 0 < limits.disk <= (disk := _rate(sample.disk)):
            return Work(Signal.DISK, disk)
    return Work(Signal.CPU, sample.percent) if sample.percent >= limits.cpu_percent else None


def lease_until(
    now: datetime,
    samples: Sequence[Sample],
    limits: Limits,
    idle_minutes: int,
    held_until: datetime,
    lease: datetime | None,
    used: timedelta = timedelta(),
) -> datetime | None:
    """Return until when the lease of a run is to last; `lease` itself if nothing is to change.

    `samples` are those of this run, oldest first; its alarm judges nothing before `held_until`; `used` is the time for
    which leases have kept the machine on within 24 hours.
    """
    if not samples:
        return lease
    work = work_of(samples[-1], limits)
    seen_until = samples[-1].at + PERIOD
    if work and work.needs_lease and now - seen_until <= FRESH:
        until = now + min(AHEAD, limits.left(used))
        return until if until - held_until >= RENEW_EVERY else lease
    ended_at, last = last_work(samples, limits)
    if last is None or ended_at is None or seen_until - ended_at < pause(idle_minutes):
        return lease
    return taken_back(now, ended_at, last, idle_minutes, held_until, lease)


def taken_back(
    now: datetime, ended_at: datetime, last: Work, idle_minutes: int, held_until: datetime, lease: datetime | None
) -> datetime | None:
    """Return the end of a lease that is taken back `now`, since its work ended at `ended_at`; `lease` if it is not."""
    until = ended_at + timedelta(minutes=idle_minutes) + SETTLE
    if last.needs_lease and until > held_until > now:  # a window longer than the lease
        return until
    if lease is None or lease <= now or held_until > lease + PERIOD:  # over, or the owner's wish lasts longer
        return lease
    until = max(until, now + NOTICE)
    return until if until < lease else lease


def last_work(samples: Sequence[Sample], limits: Limits) -> tuple[datetime | None, Work | None]:
    """Return the end of the last period in which it worked, and what it did."""
    for sample in reversed(samples):
        if work := work_of(sample, limits):
            return sample.at + PERIOD, work
    return None, None


def pause(idle_minutes: int) -> timedelta:
    """Return the time without work that ends a lease; a shorter one, such as between two files, does not.

    So NOTICE is still left of the idle window if CloudWatch is 6 minutes late; a fixed 15 minutes would not leave it.
    """
    return min(PAUSE, max(PERIOD, timedelta(minutes=idle_minutes) - PAUSE))


def used_within(samples: Sequence[Sample], limits: Limits) -> timedelta:
    """Return the time for which these samples would have kept a machine on by a lease alone."""
    kept = [s for s in samples if s.percent < limits.cpu_percent and (w := work_of(s, limits)) and w.needs_lease]
    return PERIOD * len(kept)


def _rate(size: int | None) -> float:
    return (size or 0) / PERIOD.total_seconds()
