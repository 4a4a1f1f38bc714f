"""The hours at which machines may run, and when they close. Standard library only."""

from dataclasses import dataclass
from datetime import time
from zoneinfo import ZoneInfo


@dataclass(frozen=True, slots=True)
class Hours:
    """From `opens` until `closes` on the same day; equal: all day long. `weekends`: on Saturdays and Sundays too."""

    opens: time
    closes: time
    weekends: bool
    zone: ZoneInfo

    @classmethod
    def of(cls, opens: time | None, closes: time | None, weekends: bool, zone: str) -> "Hours":
        """From what is stored."""
        return cls(opens or time(), closes or time(), weekends, ZoneInfo(zone or "Asia/Seoul"))
