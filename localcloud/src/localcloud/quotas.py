"""The quotas of the account: running vCPUs by kind of type, and alarms.

Codes and names are from the EC2 user guide, "On-Demand Instance quotas". Stopped machines do not count, so a start can
be refused as a launch can.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from localcloud.errors import AwsError

#: what most accounts have after a while; a new one has 5
USUAL_VCPUS = 1152


@dataclass(frozen=True)
class Kind:
    code: str
    name: str
    letters: tuple[str, ...]


KINDS = (
    Kind("L-1216C47A", "Standard (A, C, D, H, I, M, R, T, Z)", ("a", "c", "d", "h", "i", "m", "r", "t", "z")),
    Kind("L-DB2E81BA", "G and VT", ("g", "vt")),
)
STANDARD = KINDS[0]


@dataclass(frozen=True)
class Quotas:
    """The quotas in force. Those that are not given are unlimited."""

    vcpus: int | None = None
    alarms: int | None = None

    def of(self, kind: Kind) -> int:
        return USUAL_VCPUS if self.vcpus is None or kind is not STANDARD else self.vcpus

    def check_vcpus(self, running: Iterable[Any], more: Iterable[tuple[str, int]]) -> None:
        """Refuse what does not fit. `running` are machines, `more` the types and vCPUs of those that are to run."""
        wanted = list(more)
        if self.vcpus is None or not any(kind_of(name) is STANDARD for name, _ in wanted):
            return
        types = [*((machine.instance_type, machine.vcpus) for machine in running), *wanted]
        if sum(vcpus for name, vcpus in types if kind_of(name) is STANDARD) > self.vcpus:
            raise AwsError(
                "VcpuLimitExceeded",
                f"You have requested more vCPU capacity than your current vCPU limit of {self.vcpus} allows for the "
                "instance bucket that the specified instance type belongs to. Please visit "
                "http://aws.amazon.com/contact-us/ec2-request to request an adjustment to this limit.",
            )

    def check_alarms(self, number: int) -> None:
        """Refuse one more alarm than the quota. `number` are those that there are."""
        if self.alarms is not None and number >= self.alarms:
            raise AwsError("LimitExceeded", "The maximum limit for the resource has been exceeded.")


def kind_of(instance_type: str) -> Kind | None:
    """Return the kind of quota that a type counts against; nothing if this cloud has no quota for it."""
    letters = re.match(r"[a-z]*", instance_type)
    return next((kind for kind in KINDS if letters and letters[0] in kind.letters), None)
