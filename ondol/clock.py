"""The one clock of everything about machines: real time, or the trial's faster time.

`ONDOL_CLOCK=REAL,VIRTUAL,SPEED` (epoch seconds when it was set, what it showed at that time, how fast it runs) makes a
trial of 30 idle minutes pass in 30/SPEED. Sockets, sessions, back-offs, e-mails and job leases stay on real time.

Code about machines and the defaults of models call `now()`, which asks `clock()`. Tests set the time there, by `use()`,
also for code that holds a reference to `now`. What is on real time calls `real_now()`, which no test sets;
seconds since the epoch that go into a session or a cookie are `time.time()`, as Django has them.
"""

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from ondol.config import config


@dataclass(frozen=True)
class Clock:
    """A clock that showed `virtual` at `real` (epoch seconds) and runs `speed` times as fast as real time."""

    real: float = 0.0
    virtual: float = 0.0
    speed: float = 1.0

    @classmethod
    def parse(cls, text: str) -> "Clock":
        """Return the clock that `REAL,VIRTUAL,SPEED` describes; for an empty text, real time."""
        return cls(*(float(part) for part in text.split(","))) if text else cls()

    def at(self, real: float) -> datetime:
        """Return the time that it shows at `real`, epoch seconds."""
        return datetime.fromtimestamp(self.virtual + (real - self.real) * self.speed, UTC)

    @property
    def is_real(self) -> bool:
        return self.speed == 1.0 and self.real == self.virtual


_used: Clock | None = None


def use(clock: Clock | None) -> None:
    """Set the clock of this process; None restores that of its settings. Only tests call this."""
    global _used
    _used = clock


def clock() -> Clock:
    """Return the clock of this process."""
    return _used or Clock.parse(config().clock)


def now() -> datetime:
    """Return the time of machines, in UTC."""
    return clock().at(time.time())


def real_now() -> datetime:
    """Return real time, in UTC: of what no trial makes faster, such as sessions, back-offs and e-mails."""
    return datetime.fromtimestamp(time.time(), UTC)


def real_seconds(seconds: float) -> timedelta:
    """Return how far this clock moves in `seconds` of real time: for time-outs of things that take real time."""
    return timedelta(seconds=seconds * max(clock().speed, 1.0))
