"""Whether this worker works: that its loop turns, and that the database has taken its heartbeat."""

import time

TURNS = 30.0
"""The seconds after which a loop that has not turned counts as hung."""
BEATS = 10.0
"""The seconds after which other workers take over the jobs of one without a heartbeat."""
_turned = _beaten = 0.0


def turn() -> None:
    """Note that the loop turns."""
    global _turned
    _turned = time.monotonic()


def beat() -> None:
    """Note that the database has taken a heartbeat."""
    global _beaten
    _beaten = time.monotonic()


def is_alive() -> bool:
    """Return whether the process is worth keeping; a restart would not bring a database back."""
    return not _turned or time.monotonic() - _turned < TURNS  # before the first, it starts


def is_working() -> bool:
    """Return whether this worker takes jobs."""
    return bool(_beaten) and time.monotonic() - _beaten < BEATS
