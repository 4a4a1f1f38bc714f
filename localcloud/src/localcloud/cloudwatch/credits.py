"""CPU credits of burstable types: what they earn, what they spend, and the CPU that is left without credits. Pure.

From the EC2 user guide, "Key concepts for burstable performance instances" and "Standard mode". A credit is one vCPU at
full speed for a minute. A type earns as many credits as its baseline costs, and keeps at most what it earns in a day.
T3, T3a and T4g start with nothing; T2 gets 30 credits for each vCPU at each start.
"""

from dataclasses import dataclass

from localcloud.cloudwatch.judge import Datapoint
from localcloud.cloudwatch.meter import PERIOD
from localcloud.ec2.burstable import baseline
from localcloud.ec2.machine import Machine

_DAY = 86_400.0
_LAUNCH_CREDITS_OF_T2 = 30.0
#: T3, T3a and T4g keep their credits for as long as this after a stop
_KEPT = 7 * _DAY


def at_start(machine: Machine, before: "Credits | None", last: Datapoint | None) -> "Credits | None":
    """Return the credits of a machine that runs: those in memory, else those last published, else of a new machine."""
    percent = baseline(machine.instance_type)
    if percent is None:
        return None
    launched = machine.launch_time.timestamp()
    kept = before.balance if before else last.total if last and last.at > launched - _KEPT else 0.0
    if machine.instance_type.startswith("t2.") and (last is None or last.at + PERIOD <= launched):
        kept = _LAUNCH_CREDITS_OF_T2 * machine.vcpus
    return Credits(percent, machine.vcpus, kept)


@dataclass
class Credits:
    """The credits of one machine. `surplus` is what an unlimited one has borrowed."""

    baseline: float
    vcpus: int
    balance: float
    surplus: float = 0.0

    @property
    def earned(self) -> float:
        """Return the credits that are earned in a second."""
        return self.baseline / 100 * self.vcpus / 60

    def spend(self, seconds: float, percent: float, unlimited: bool) -> float:
        """Let `seconds` pass in which `percent` of all vCPUs is wanted; return the per cent that is available."""
        wanted = percent / 100 * self.vcpus / 60 * seconds
        earned = self.earned * seconds
        available = self.balance + earned
        if wanted > available and unlimited:
            self.surplus = min(self.surplus + wanted - available, self.earned * _DAY)
        spent = min(wanted, available)
        left = available - spent
        paid = min(self.surplus, left)
        self.surplus -= paid
        self.balance = min(left - paid, self.earned * _DAY)
        return percent if unlimited or not wanted else percent * spent / wanted
