"""What AWS has refused for a machine: at present, and at its last start or stop. Nothing here calls AWS."""

from datetime import timedelta

from ondol import clock
from ondol.instances.decision import Step
from ondol.instances.messages.codes import OUR_OWN, Refusal, refusal
from ondol.instances.messages.reasons import REASONS
from ondol.instances.models import Instance
from ondol.instances.states import Reason, Status

TOLD_FOR = timedelta(days=1)
"""The time is on the machines' clock. Afterwards, nobody knows whether AWS would refuse it again."""

_STEPS = {Status.FAILED: Step.LAUNCH, Status.STOPPED: Step.START, Status.RUNNING: Step.STOP}
"""What was given up when a machine came to this status."""


def last_refusal(instance: Instance) -> Refusal | None:
    """Return what AWS's code says about what was given up last; None where nothing was, or AWS was only too late."""
    step = _STEPS.get(Status(instance.status))
    reason = Reason(instance.status_reason)
    if step is None or not REASONS[reason].code_says_more or not _is_code(instance.error_code):
        return None
    return refusal(instance.error_code, step)


def is_kept(instance: Instance) -> bool:
    """Return whether `error_code` says why something was given up: later trouble must not overwrite it."""
    return instance.status == Status.FAILED or REASONS[Reason(instance.status_reason)].code_says_more


def is_recent(instance: Instance) -> bool:
    """Return whether the refusal is recent enough to tell somebody who could fix its cause."""
    return clock.now() - instance.status_since < TOLD_FOR


def lacks_capacity(instance: Instance) -> bool:
    """Return whether its last start failed because AWS had no room for its type, and not long ago."""
    failed = last_refusal(instance)
    return failed is not None and failed.is_capacity and is_recent(instance)


def _is_code(code: str) -> bool:
    """Return whether the code is AWS's: where AWS was only too late, it is our own reason."""
    return bool(code) and code not in list(Reason) and code not in OUR_OWN
