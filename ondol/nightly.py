"""The times of nightly jobs."""

from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

from ondol import clock
from ondol.config import config


def at_night(wall: str, zone: str = "") -> str:
    """Return the cron of a time of day such as `04:17` where Ondol is installed: Procrastinate reads crons in UTC.

    After a change to or from summer time, jobs are an hour off until the worker restarts: still at night.
    """
    there = ZoneInfo(zone or config().time_zone)
    at = datetime.combine(clock.real_now().astimezone(there), time.fromisoformat(wall), there).astimezone(UTC)
    return f"{at.minute} {at.hour} * * *"
