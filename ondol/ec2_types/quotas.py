"""Which quota on running On-Demand instances a family counts against. All of them are in vCPUs.

From AWS's pages "On-Demand Instance quotas" (EC2 User Guide) and "Amazon EC2 endpoints and quotas" (General Reference).
"""

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Quota:
    """A quota of the service `ec2`."""

    code: str
    instances: str
    """The words in its name, "Running On-Demand … instances"."""


STANDARD = Quota("L-1216C47A", "Standard (A, C, D, H, I, M, R, T, Z)")
_BY_LETTERS = {
    **dict.fromkeys(("a", "c", "d", "h", "i", "im", "is", "m", "r", "t", "z"), STANDARD),
    **dict.fromkeys(("g", "gr", "vt"), Quota("L-DB2E81BA", "G and VT")),
    "p": Quota("L-417A185B", "P"),
    "x": Quota("L-7295265B", "X"),
    "f": Quota("L-74FC7D96", "F"),
    "inf": Quota("L-1945791B", "Inf"),
    "trn": Quota("L-2C3B7624", "Trn"),
    "dl": Quota("L-6E869C2A", "DL"),
    "hpc": Quota("L-F7808C92", "HPC"),
    "u": Quota("L-43DA4232", "High Memory"),
}
"""Quotas by the letters that a family's name begins with. Mac has a quota for each kind of host instead."""


def quota_of(family: str) -> Quota | None:
    """Return the quota that a family counts against; None: not known."""
    letters = re.match(r"[a-z]*", family)
    return _BY_LETTERS.get(letters[0]) if letters else None
