"""The rule that the idle alarm of a machine should have, and the one that it was put with. Nothing here calls AWS, so
pages that change a rule can compare the two."""

from ondol.instances.models import Instance, Run
from ondol.policy.rules import Rules
from ondol.policy.threshold import cpu_percent

IdleMinutesAndCpu = tuple[int, float]
"""The idle minutes, and the per cent of all vCPUs."""


def wanted(rules: Rules, row: Instance) -> IdleMinutesAndCpu:
    """Return what the rules mean for the type that the machine has in AWS."""
    return rules.idle_minutes, cpu_percent(rules.idle_core_percent, row.size.instance_type)


def armed(run: Run) -> IdleMinutesAndCpu:
    """Return what the alarm of this run was put with."""
    return run.armed_idle_minutes, run.armed_cpu_percent
