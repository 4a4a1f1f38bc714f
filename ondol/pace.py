"""How often periodic jobs check what changes by the minute."""

from datetime import timedelta

from ondol import clock

LEAST, MOST = 2, 30
"""The seconds between two jobs; a cron with seconds is irregular above 30."""


def cron_of(interval: timedelta, speed: float | None = None) -> str:
    """Return the cron of a job that runs once in an interval on the machines' clock, but not every second.

    A job every two seconds of real time is right for a trial whose minutes are seconds. At Amazon, nothing changes so
    fast, and each job needs a dozen SQL statements.
    """
    seconds = interval.total_seconds() / (speed or clock.clock().speed or 1.0)  # a test's clock may stand still
    return f"* * * * * */{min(max(round(seconds), LEAST), MOST)}"
