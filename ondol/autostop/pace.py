"""How often something is looked at that changes by the minute."""

from datetime import UTC, datetime, timedelta

from ondol import clock


class Pace:
    """Lets something happen once in an interval on the machines' clock, in this process.

    A job that comes every two seconds of real time is right for a trial whose minutes are seconds. At Amazon, nothing
    changes so fast, and to read what a thousand machines did costs half a second each time.
    """

    def __init__(self, interval: timedelta) -> None:
        self._interval, self._last = interval, datetime.min.replace(tzinfo=UTC)

    def is_due(self) -> bool:
        """Return whether the interval is over, or the clock was set back; then another one begins."""
        now = clock.now()
        if timedelta() <= now - self._last < self._interval:
            return False
        self._last = now
        return True
