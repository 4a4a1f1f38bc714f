"""The trial's clock across restarts and changes of speed: it never goes back.

While `ondol up` is off, the clock runs at real speed. An anchor (REAL,VIRTUAL,SPEED) is written every few seconds, so
that a kill loses little; the time that may be lost is added at the old speed.
"""

from pathlib import Path

from ondol.clock import Clock
from ondol.host.home import HomeError, write_private

HEARTBEAT = 5.0
BRIDGE = 20.0
"""The seconds after the last heartbeat during which the clock may still have run fast: four missed heartbeats."""


def carried_on(old: Clock, real: float, speed: float) -> Clock:
    """Return the clock of a new start at `real`: never behind what `old` may have shown, and `speed` times as fast."""
    off = max(real - old.real, 0.0)
    fast = min(off, BRIDGE)
    return Clock(real, old.virtual + fast * max(old.speed, 1.0) + (off - fast), speed)


def moved(clock: Clock, real: float) -> Clock:
    """Return the same clock, anchored at `real`."""
    return Clock(real, clock.virtual + (real - clock.real) * clock.speed, clock.speed)


def text(clock: Clock) -> str:
    """Return the text for ONDOL_CLOCK."""
    return f"{clock.real:.6f},{clock.virtual:.6f},{clock.speed:g}"


def start(file: Path, real: float, speed: float) -> Clock | None:
    """Return the clock to run with; None for real time, if the speed is 1 and always was."""
    old = _read(file)
    if old is None:
        return None if speed == 1.0 else Clock(real, real, speed)
    return carried_on(old, real, speed)


def beat(file: Path, clock: Clock, real: float) -> None:
    """Write the anchor."""
    write_private(file, text(moved(clock, real)) + "\n")


def _read(file: Path) -> Clock | None:
    try:
        return Clock.parse(file.read_text().strip())
    except FileNotFoundError:
        return None
    except (ValueError, TypeError):
        raise HomeError(f"{file} is no clock of the trial (REAL,VIRTUAL,SPEED). Put it back, or remove it.") from None
