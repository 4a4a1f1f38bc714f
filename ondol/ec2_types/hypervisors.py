"""Which types run on Xen: CloudWatch shows the EBS metrics of an instance on Nitro only.

From AWS's page "Amazon EC2 instance types", section "Hypervisor type" (EC2 User Guide). The list does not grow:
whatever is new is on Nitro.
"""

_XEN = frozenset({
    "c1", "c3", "c4", "cc1", "cc2", "cg1", "cr1", "d2", "f1", "g2", "g3", "g3s", "h1", "hi1", "hs1", "i2", "i3", "m1",
    "m2", "m3", "m4", "p2", "p3", "r3", "r4", "t1", "t2", "x1", "x1e",
})  # fmt: skip


def is_nitro(family: str, size: str) -> bool:
    """Return whether a type is on Nitro; a family that nobody knows counts as new. Bare metal is, as i3.metal."""
    return family not in _XEN or size == "metal"
