"""What a machine uses, as datapoints of five minutes on the cloud's clock. Pure.

What is used is measured per real second and recorded at the cloud's time, however fast the clock runs: a loop that
keeps one of two vCPUs busy shows 50 %, and a download at 1 MB/s shows 300 MB in 300 s. Basic monitoring: one datapoint
each 300 s, made of five minutes.
"""

from dataclasses import dataclass, field

from localcloud.cloudwatch.judge import Datapoint

PERIOD = 300
MINUTE = 60

#: CloudWatch shows a datapoint some time after its period is over
DELAY = 60


@dataclass
class _Minute:
    seconds: float = 0.0
    weighted: float = 0.0  # a rate times seconds

    @property
    def rate(self) -> float:
        return self.weighted / self.seconds


@dataclass
class Tally:
    """Counts something that adds up, such as bytes. `minutes` are those whose period is not over, by the second at
    which they begin."""

    unit: str = "Bytes"
    minutes: dict[int, _Minute] = field(default_factory=dict)

    def add(self, start: float, end: float, rate: float) -> None:
        """Add `rate` per second from `start` to `end` on the cloud's clock, spread over the minutes it touches."""
        while start < end:
            minute = int(start // MINUTE) * MINUTE
            until = min(end, minute + MINUTE)
            entry = self.minutes.setdefault(minute, _Minute())
            entry.seconds += until - start
            entry.weighted += rate * (until - start)
            start = until

    def finished(self, now: float) -> list[Datapoint]:
        """Return the datapoints of the periods that have ended by `now`. Each is returned once."""
        over = int(now // PERIOD) * PERIOD
        periods: dict[int, list[_Minute]] = {}
        for minute in sorted(self.minutes):
            if minute < over:
                periods.setdefault(minute // PERIOD * PERIOD, []).append(self.minutes.pop(minute))
        return [self._datapoint(period, minutes) for period, minutes in periods.items()]

    def _datapoint(self, period: int, minutes: list[_Minute]) -> Datapoint:
        """Return a datapoint whose sum is that of the period, and whose average is that of its minutes."""
        values = [minute.weighted for minute in minutes]
        return Datapoint(period, shown_at(period), len(values), sum(values), min(values), max(values), self.unit)


@dataclass
class Meter(Tally):
    """Averages per cent of the CPU."""

    unit: str = "Percent"

    def add(self, start: float, end: float, rate: float) -> None:
        super().add(start, end, min(max(rate, 0.0), 100.0))

    def _datapoint(self, period: int, minutes: list[_Minute]) -> Datapoint:
        """Return a datapoint. A machine that ran for a part of the period is averaged over that part."""
        seconds = sum(minute.seconds for minute in minutes)
        average = sum(minute.weighted for minute in minutes) / seconds
        values = [minute.rate for minute in minutes]
        total = average * len(minutes)
        return Datapoint(period, shown_at(period), len(minutes), total, min(values), max(values), self.unit)


def shown_at(period: float) -> float:
    """Return the time from which on the datapoint of this period can be read."""
    return period + PERIOD + DELAY
