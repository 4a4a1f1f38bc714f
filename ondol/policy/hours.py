"""The hours at which machines may run, and when they close. Standard library only, no I/O."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

_AROUND_DAYS = 9
"""The days around a moment to search: each week has a closing time, if there is any."""
_SATURDAY = 5
WAIVED_MOST = timedelta(days=7, hours=3)
"""The longest time until a closing: a week, for hours that are all day long except at the weekend, and the hours by
which clocks are put back in it: two, in Antarctica/Troll."""


@dataclass(frozen=True, slots=True)
class Hours:
    """The time from `opens` until `closes`, on the next day if that is not later; if equal, all day long, from
    midnight.

    `weekends`: on Saturdays and Sundays too.
    """

    opens: time
    closes: time
    weekends: bool
    zone: ZoneInfo
    set_at: datetime | None = None
    """The time since which they apply; a running machine is not stopped at once."""

    @classmethod
    def of(
        cls, opens: time | None, closes: time | None, weekends: bool, zone: str, set_at: datetime | None = None
    ) -> "Hours":
        """Return the hours from stored values."""
        return cls(opens or time(), closes or time(), weekends, ZoneInfo(zone or "Asia/Seoul"), set_at)

    @property
    def is_all_day(self) -> bool:
        return self.opens == self.closes

    def is_open(self, at: datetime) -> bool:
        """Return whether machines may run at that time."""
        return any(opens <= at < closes for opens, closes in self._around(at))

    def next_close(self, at: datetime) -> datetime | None:
        """Return the first closing time after `at`, in UTC; None if it never closes."""
        if self.is_all_day and self.weekends:
            return None
        return min((closes for _opens, closes in self._around(at) if closes > at), default=None)

    def last_close(self, at: datetime) -> datetime | None:
        """Return the last closing time until `at`."""
        return max((closes for _opens, closes in self._around(at) if closes <= at), default=None)

    def _around(self, at: datetime) -> list[tuple[datetime, datetime]]:
        """Return the open times around `at`, in UTC; those without a gap between them are merged."""
        return _spans(self, at.astimezone(self.zone).date())

    def _spans(self, here: date) -> list[tuple[datetime, datetime]]:
        days = [here + timedelta(days=number) for number in range(-_AROUND_DAYS, _AROUND_DAYS + 1)]
        spans = [self._on(day) for day in days if self.weekends or day.weekday() < _SATURDAY]
        merged: list[tuple[datetime, datetime]] = []
        for opens, closes in spans:
            if merged and opens <= merged[-1][1]:
                merged[-1] = merged[-1][0], max(merged[-1][1], closes)
            elif opens < closes:  # else both are in the hour that summer time skips
                merged.append((opens, closes))
        return merged

    def _on(self, day: date) -> tuple[datetime, datetime]:
        opens, closes = (time(), time()) if self.is_all_day else (self.opens, self.closes)
        last = day if closes > opens else day + timedelta(days=1)
        # By the wall clock: a day may have 23 or 25 hours.
        return self._utc(day, opens), self._utc(last, closes)

    def _utc(self, day: date, wall: time) -> datetime:
        return datetime.combine(day, wall, self.zone).astimezone(UTC)


@lru_cache(maxsize=512)
def _spans(hours: Hours, here: date) -> list[tuple[datetime, datetime]]:
    # Cached, since a preview over a month asks thousands of times for the same days.
    return hours._spans(here)
