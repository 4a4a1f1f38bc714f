"""What one running machine uses, from readings of its sandbox to the datapoints of EC2's metrics."""

from dataclasses import dataclass, field

from localcloud.cloudwatch.credits import Credits
from localcloud.cloudwatch.judge import Datapoint
from localcloud.cloudwatch.meter import Meter, Tally, shown_at
from localcloud.ec2.machine import Machine
from localcloud.sandboxes.usage import Usage

#: The CPU use of the operating system, which a sandbox does not run. Seconds of one core, on the cloud's clock: 25 in
#: the first minute and a half after a start (cloud-init, snapd, apt), then four in a thousand.
BOOT_SECONDS, BOOT_USES, IDLE_USES = 90.0, 25.0, 0.004


@dataclass(frozen=True)
class Span:
    """A time on the cloud's clock, what was used per real second in it, and the seconds since the start at its end."""

    start: float
    end: float
    real_seconds: float
    used: Usage
    running_for: float


@dataclass
class Using:
    """The meters of one machine. Types that do not burst have no `credits`; those on Xen have no metrics of EBS."""

    started: float = 0.0
    vcpus: int = 1
    nitro: bool = True
    credits: Credits | None = None
    cpu: Meter = field(default_factory=Meter)
    bytes: dict[str, Tally] = field(default_factory=dict)
    spent: Tally = field(default_factory=lambda: Tally("Count"))

    def begin(self, machine: Machine, credits: Credits | None) -> None:
        """Begin a run, with the present type."""
        self.started, self.vcpus, self.nitro = machine.running_since, machine.vcpus, machine.nitro
        self.credits = credits

    def add(self, span: Span, unlimited: bool) -> None:
        own = span.used.cpu / span.real_seconds + system(span.running_for, span.end - span.start)
        percent = min(100.0, 100 * own / self.vcpus)
        if self.credits:
            percent = self.credits.spend(span.end - span.start, percent, unlimited)
            self.spent.add(span.start, span.end, percent / 100 * self.vcpus / 60)
        self.cpu.add(span.start, span.end, percent)
        counted = {"NetworkIn": span.used.received, "NetworkOut": span.used.sent}
        if self.nitro:
            counted |= {"EBSReadBytes": span.used.read, "EBSWriteBytes": span.used.written}
        for metric, amount in counted.items():
            self.bytes.setdefault(metric, Tally()).add(span.start, span.end, amount / span.real_seconds)

    def finished(self, now: float) -> list[tuple[str, Datapoint]]:
        """Return the datapoints of the periods that have ended, with their metrics."""
        found = [("CPUUtilization", point) for point in self.cpu.finished(now)]
        if self.credits:
            found += [("CPUCreditUsage", point) for point in _whole(self.spent.finished(now))]
            found += self._balances(self.credits, [point.at for name, point in found if name == "CPUUtilization"])
        return found + [(name, point) for name, tally in self.bytes.items() for point in tally.finished(now)]

    @staticmethod
    def _balances(credits: Credits, periods: list[float]) -> list[tuple[str, Datapoint]]:
        shown = {"CPUCreditBalance": credits.balance, "CPUSurplusCreditBalance": credits.surplus}
        return [
            (name, Datapoint(at, shown_at(at), 1, value, value, value, "Count"))
            for at in periods
            for name, value in shown.items()
        ]

    @property
    def empty(self) -> bool:
        return not self.cpu.minutes


def system(running_for: float, seconds: float) -> float:
    """Return the cores that the operating system uses on average, in the last `seconds` of `running_for`."""
    booting = max(0.0, min(running_for, BOOT_SECONDS) - max(0.0, running_for - seconds))
    return IDLE_USES + BOOT_USES / BOOT_SECONDS * booting / seconds


def _whole(points: list[Datapoint]) -> list[Datapoint]:
    """Return the points with one sample each: metrics of credits have one each five minutes."""
    return [Datapoint(p.at, p.visible, 1, p.total, p.total, p.total, p.unit) for p in points]
