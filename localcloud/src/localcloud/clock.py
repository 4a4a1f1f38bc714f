"""The clock of this cloud. All times that AWS shows (LaunchTime, metrics, alarms) are on it.

`LOCALCLOUD_CLOCK=REAL,VIRTUAL,SPEED` (or `ONDOL_CLOCK`, as `ondol up` calls it) says: at REAL (epoch seconds) the clock
showed VIRTUAL, and it runs SPEED times as fast as real time. Absent: real time. Sockets and the seconds that a machine
takes to boot stay on real time.
"""

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

VARIABLES = ("LOCALCLOUD_CLOCK", "ONDOL_CLOCK")


class BadClock(ValueError):
    """A clock setting that is not three numbers."""


@dataclass(frozen=True)
class Clock:
    real: float = 0.0
    virtual: float = 0.0
    speed: float = 1.0
    source: Callable[[], float] = time.time

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> "Clock":
        variable = next((name for name in VARIABLES if environ.get(name, "").strip()), None)
        if variable is None:
            return cls()
        text = environ[variable].strip()
        try:
            real, virtual, speed = (float(part) for part in text.split(","))
        except ValueError:
            raise BadClock(f"{variable}={text}: use three numbers, REAL,VIRTUAL,SPEED") from None
        if not 0 < speed <= 100_000:
            raise BadClock(f"{variable}={text}: the speed must be above 0 and at most 100000")
        return cls(real, virtual, speed)

    def now(self) -> float:
        """Return the epoch seconds of this cloud."""
        return self.at(self.source())

    def at(self, real: float) -> float:
        """Return what this clock showed, or will show, at a real time."""
        return self.virtual + (real - self.real) * self.speed

    def real_seconds_until(self, virtual: float) -> float:
        return (virtual - self.now()) / self.speed

    def today(self) -> datetime:
        return moment(self.now())


def seconds_of(given: datetime) -> float:
    """Return epoch seconds. moto reads a request's times as UTC and then drops the zone; Seoul would be nine hours
    off."""
    return (given if given.tzinfo else given.replace(tzinfo=UTC)).timestamp()


def moment(seconds: float) -> datetime:
    """Return whole seconds, as EC2 shows them."""
    return datetime.fromtimestamp(int(seconds), UTC)
