"""CPU time of a machine, as datapoints of five minutes on the cloud's clock. Pure.

The share of the CPU is measured in real seconds and recorded at the cloud's time: a loop that keeps one of two vCPUs
busy shows 50 %, however fast the clock runs. Basic monitoring: one datapoint each 300 s, made of five minutes.
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
    weighted: float = 0.0  # percent times seconds

    @property
    def percent(self) -> float:
        return self.weighted / self.seconds


@dataclass
class Meter:
    """The meter of one machine. `minutes` are those whose period is not over, by the second at which they begin."""

    minutes: dict[int, _Minute] = field(default_factory=dict)

    def add(self, start: float, end: float, percent: float) -> None:
        """Add `percent` on average from `start` to `end` on the cloud's clock, spread over the minutes it touches."""
        percent = min(max(percent, 0.0), 100.0)
        while start < end:
            minute = int(start // MINUTE) * MINUTE
            until = min(end, minute + MINUTE)
            entry = self.minutes.setdefault(minute, _Minute())
            entry.seconds += until - start
            entry.weighted += percent * (until - start)
            start = until

    def finished(self, now: float) -> list[Datapoint]:
        """Return the datapoints of the periods that have ended by `now`. Each is returned once."""
        over = int(now // PERIOD) * PERIOD
        periods: dict[int, list[_Minute]] = {}
        for minute in sorted(self.minutes):
            if minute < over:
                periods.setdefault(minute // PERIOD * PERIOD, []).append(self.minutes.pop(minute))
        return [_datapoint(period, minutes) for period, minutes in periods.items()]


def _datapoint(period: int, minutes: list[_Minute]) -> Datapoint:
    """Return a datapoint. A machine that ran for a part of the period is averaged over that part."""
    seconds = sum(minute.seconds for minute in minutes)
    average = sum(minute.weighted for minute in minutes) / seconds
    values = [minute.percent for minute in minutes]
    return Datapoint(
        at=period,
        visible=period + PERIOD + DELAY,
        samples=len(minutes),
        total=average * len(minutes),
        low=min(values),
        high=max(values),
    )
