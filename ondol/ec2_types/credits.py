"""Which types live on CPU credits, and how much CPU they can keep up without any.

From the credit table of AWS's page "Key concepts for burstable performance instances" (EC2 User Guide, read November
2026). DescribeInstanceTypes has no baselines, and first said that T8i was not burstable: the page decides.
"""

_BURSTABLE = frozenset({"t2", "t3", "t3a", "t4g", "t8i"})
_BASELINES = {
    "nano": 5.0, "micro": 10.0, "small": 20.0, "medium": 20.0, "large": 30.0, "xlarge": 40.0, "2xlarge": 40.0,
}  # fmt: skip
_T2_BASELINES = {"xlarge": 22.5, "2xlarge": 17.0}
"""Baselines that differ: the rest of T2 is as in the newer families."""


def is_burstable(family: str) -> bool:
    """Return whether the types of a family live on CPU credits."""
    return family in _BURSTABLE


def baseline_percent(family: str, size: str) -> float | None:
    """Return the baseline utilization per vCPU in per cent; None: not burstable, or not known."""
    if family not in _BURSTABLE:
        return None
    return (_BASELINES | _T2_BASELINES if family == "t2" else _BASELINES).get(size)
