"""Whether this worker works: its event loop runs, and the database has stored its heartbeat."""

import time

TURNS = 30.0
"""The seconds after which a loop that has not turned counts as hung."""
BEATS = 10.0
"""The seconds after which other workers take over the jobs of one without a heartbeat."""
_turned = _beaten = 0.0


def turn() -> None:
    """Note that the loop runs."""
    global _turned
    _turned = time.monotonic()


def beat() -> None:
    """Note that the database has stored a heartbeat."""
    global _beaten
    _beaten = time.monotonic()


def is_alive() -> bool:
    """Return whether the process need not be restarted; a missing database is no reason to."""
    return not _turned or time.monotonic() - _turned < TURNS  # before the first turn, it is starting


def is_working() -> bool:
    """Return whether this worker takes jobs."""
    return bool(_beaten) and time.monotonic() - _beaten < BEATS
