"""What the rule "idle is less than this share of one core" means on an instance type: the only place that computes it.

CPUUtilization is per cent of all vCPUs, so one share is another threshold on each type. Why the rule is a share of one
core, and which types a share rules out: docs/decisions/0015.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from ondol.ec2_types import facts_of, vcpus_at_most

CORE_PERCENT = 10.0
"""The share of one core below which a machine is idle if nobody sets another: 5 % of the two vCPUs of t3.small."""
CORE_PERCENT_MOST = 99.0
"""A program that keeps one core busy would count as idle from 100 on."""
_LEAST_DIVISOR = 2
"""A type with one vCPU gets the threshold of a type with two, as in the first version, where 5 % was right for both."""


def cpu_percent(core_percent: float, instance_type: str) -> float:
    """Return the threshold of the alarm in per cent of all vCPUs.

    If Ondol does not know the vCPUs of a type, it assumes the most: the threshold is rather too low than too high.
    """
    return round(core_percent / max(vcpus_at_most(instance_type), _LEAST_DIVISOR), 4)


def of_one_core(percent: float, instance_type: str) -> float:
    """Return CloudWatch's per cent of all vCPUs as per cent of one core: what people read, as `top` shows it."""
    return percent * vcpus_at_most(instance_type)


@dataclass(frozen=True, slots=True)
class Threshold:
    """A threshold on one type, in both units."""

    cpu_percent: float
    """Per cent of all vCPUs, as in CloudWatch."""
    core_percent: float
    """Per cent of one core, as people read it."""

    @classmethod
    def by_rule(cls, core_percent: float, instance_type: str) -> "Threshold":
        """Return what a rule means on a type."""
        return cls.armed(cpu_percent(core_percent, instance_type), instance_type)

    @classmethod
    def armed(cls, percent: float, instance_type: str) -> "Threshold":
        """Return what the threshold of an alarm, in per cent of all vCPUs, means on a type."""
        return cls(percent, round(of_one_core(percent, instance_type), 1))

    @property
    def core(self) -> str:
        """Return the per cent of one core for people."""
        return digits(self.core_percent)


def digits(percent: float) -> str:
    """Return per cent for people: at most one decimal, or two digits where it is below 1: `12.5`, `5`, `0.31`."""
    return f"{percent:.2g}" if abs(percent) < 1 else f"{round(percent, 1):g}"


@dataclass(frozen=True, slots=True)
class TooNear:
    """Types on which a share of one core reaches half of what they can do without CPU credits."""

    types: tuple[str, ...]
    baseline_percent: float
    """The lowest of their baselines, per vCPU."""
    core_percent_most: float
    """The largest share that is right on all of these types."""


def too_near(core_percent: float, types: Iterable[str]) -> TooNear | None:
    """Return the types on which a machine that works might count as idle once it has no CPU credits left."""
    found = tuple(name for name in types if core_percent >= _limit(name))
    if not found:
        return None
    baseline = min(facts_of(name).baseline_percent or math.inf for name in found)
    return TooNear(found, baseline, core_percent_most(found))


def core_percent_most(types: Iterable[str]) -> float:
    """Return the largest share of one core, in tenths, that is right on all of these types."""
    limit = min((_limit(name) for name in types), default=math.inf)
    return CORE_PERCENT_MOST if limit > CORE_PERCENT_MOST else (math.ceil(limit * 10) - 1) / 10


def _limit(instance_type: str) -> float:
    """Return the share at which the threshold reaches half of the baseline; infinite where there is no baseline."""
    facts = facts_of(instance_type)
    if facts.baseline_percent is None:
        return math.inf
    return facts.baseline_percent / 2 * max(vcpus_at_most(instance_type), _LEAST_DIVISOR)
