"""Spans of time, and months as people know them: those of a time zone. Pure."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo


@dataclass(frozen=True, slots=True)
class Span:
    """The time from `start` up to, but not including, `end`; empty if `end` is not later."""

    start: datetime
    end: datetime

    @property
    def seconds(self) -> int:
        """Return whole seconds, as EC2 bills them."""
        return max(0, int((self.end - self.start).total_seconds()))

    def within(self, other: "Span") -> "Span":
        """Return the part that lies in the other."""
        return Span(max(self.start, other.start), min(self.end, other.end))


@dataclass(frozen=True, slots=True, order=True)
class Month:
    """A calendar month."""

    year: int
    number: int

    @classmethod
    def of(cls, moment: datetime, zone: tzinfo) -> "Month":
        """Return the month at that moment in this zone."""
        local = moment.astimezone(zone)
        return cls(local.year, local.month)

    @classmethod
    def parse(cls, text: str) -> "Month":
        """Return the month of a text such as `2026-06`. Raises ValueError, also for other centuries."""
        if not re.fullmatch(r"20[0-9]{2}-(0[1-9]|1[0-2])", text):
            raise ValueError(f"not a month: {text!r}")
        return cls(int(text[:4]), int(text[5:]))

    def span(self, zone: tzinfo) -> Span:
        """Return the time from its first midnight in this zone to the next month's, in UTC."""
        after = self.next
        return Span(*(datetime(m.year, m.number, 1, tzinfo=zone).astimezone(UTC) for m in (self, after)))

    @property
    def next(self) -> "Month":
        return Month(self.year + self.number // 12, self.number % 12 + 1)

    @property
    def previous(self) -> "Month":
        return Month(self.year - (self.number == 1), (self.number - 2) % 12 + 1)

    def __str__(self) -> str:
        return f"{self.year:04}-{self.number:02}"
