"""A machine's life minute by minute: what it does, what CloudWatch shows late, its alarm, and a worker or none."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from ondol.autostop.forecast import PERIOD, floor, warm_up
from ondol.autostop.work import DAY, Limits, Sample, lease_until, used_within

MINUTE = timedelta(minutes=1)
NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
KB, MB = 1e3, 1e6


@dataclass
class Life:
    """One run that begins `phase` minutes after noon; minutes count from its start."""

    network: Callable[[int], float]
    """Bytes in a second, in each minute."""
    cpu: Callable[[int], float] = lambda minute: 0.5
    idle_minutes: int = 30
    phase: int = 0
    delay: int = 3
    """The minutes after a period until CloudWatch shows it."""
    worker_until: float = float("inf")
    hours: int = 16
    stopped: int | None = None
    puts: list[int] = field(default_factory=list)
    """The minutes in which the alarm was put, after the start."""
    lease: datetime | None = None
    judged_from: datetime | None = None
    _samples: list[Sample] = field(default_factory=list)
    """Those that CloudWatch has shown so far."""

    @property
    def start(self) -> datetime:
        return NOON + self.phase * MINUTE

    def live(self, minutes: int) -> "Life":
        """Let this time pass, or until the alarm stops it."""
        limits = Limits(5.0, 100 * KB, 1 * MB, self.start, timedelta(hours=self.hours))
        held = self.start + warm_up(self.start, self.start, self.idle_minutes, None) * MINUTE
        for minute in range(minutes):
            now = self.start + minute * MINUTE
            samples = self._told(now)
            if minute < self.worker_until:
                wanted = self._wanted(now, limits, held)
                if wanted != self.lease:
                    self.lease = wanted
                    self.puts.append(minute)
                    held = now + warm_up(now, self.start, self.idle_minutes, wanted, MINUTE) * MINUTE
            if now >= held and self._is_idle(samples):
                self.stopped = minute
                self.judged_from = samples[-self.idle_minutes // 5].at
                return self
        return self

    def most_puts_in_an_hour(self) -> int:
        return max((sum(at <= other < at + 60 for other in self.puts) for at in self.puts), default=0)

    def _wanted(self, now: datetime, limits: Limits, held: datetime) -> datetime | None:
        def decide(used: timedelta) -> datetime | None:
            return lease_until(now, self._samples, limits, self.idle_minutes, held, self.lease, used)

        if decide(timedelta()) == self.lease:
            return self.lease
        return decide(used_within([sample for sample in self._samples if sample.at >= now - DAY], limits))

    def _told(self, now: datetime) -> list[Sample]:
        at = floor(self.start) + len(self._samples) * PERIOD
        while at + PERIOD + self.delay * MINUTE <= now:
            self._samples.append(self._sample(at))
            at += PERIOD
        return self._samples

    def _sample(self, at: datetime) -> Sample:
        minutes = [int((at - self.start) / MINUTE) + n for n in range(5)]
        lived = [minute for minute in minutes if minute >= 0]
        cpu = sum(self.cpu(minute) for minute in lived) / len(lived)
        return Sample(at, cpu, int(sum(60 * self.network(minute) for minute in lived)), 0, 0)

    def _is_idle(self, samples: list[Sample]) -> bool:
        judged = samples[-self.idle_minutes // 5 :]
        return len(judged) == self.idle_minutes // 5 and all(sample.percent < 5 for sample in judged)
