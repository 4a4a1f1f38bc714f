"""IAM policies lag behind tags: for seconds, AWS may deny what is allowed on a resource that was just created.

A policy by tags finds no tags yet, and EC2 answers UnauthorizedOperation. For a minute, that means "not yet".
"""

from datetime import timedelta

from ondol import clock
from ondol.cloud.errors import CloudError, is_denial
from ondol.instances.decision import Step
from ondol.instances.models import Instance

TAGS_LAG = timedelta(minutes=1)
"""The time is real time."""
_ON_OUR_THINGS = frozenset({
    Step.LAUNCH, Step.START, Step.STOP, Step.ADMIT, Step.RESIZE, Step.GROW, Step.TERMINATE, Step.CLEAN,
})  # fmt: skip
"""Steps that act on existing resources. Creating a group, a key or an alarm does not depend on the tags of any."""


def is_lag(instance: Instance, step: Step, error: CloudError) -> bool:
    """Return whether a denial may be due to this lag: what it acts on was made less than a minute ago."""
    return step in _ON_OUR_THINGS and is_denial(error) and is_fresh(instance)


def is_fresh(instance: Instance) -> bool:
    """Return whether something of this machine was made less than a minute ago."""
    limit = clock.real_seconds(TAGS_LAG.total_seconds())
    return instance.made_at is not None and clock.now() - instance.made_at < limit
