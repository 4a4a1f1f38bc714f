"""What can be decided about a machine: an act in AWS, a move to another status, or to wait. Standard library only."""

from dataclasses import dataclass
from enum import StrEnum

from ondol.instances.states import Reason, Status


class Step(StrEnum):
    """What to do in AWS. Each may be done twice."""

    WAIT = "WAIT"
    PREPARE = "PREPARE"  # group, key, image
    LAUNCH = "LAUNCH"  # the server
    ARM = "ARM"  # put a new idle alarm
    DROP_ALARM = "DROP_ALARM"  # the alarm that was replaced
    ADMIT = "ADMIT"  # make its security group equal to what is wished for
    REPLACE_KEY = "REPLACE_KEY"  # put the new key on it, and remove the old one
    PROBE = "PROBE"  # does SSH answer?
    START = "START"
    STOP = "STOP"
    FORCE_STOP = "FORCE_STOP"  # as if its plug was pulled: it does not shut down by itself
    ASK_WHY = "ASK_WHY"  # it has stopped unasked: ask AWS's history why, then call it stopped
    RESIZE = "RESIZE"  # another type
    GROW = "GROW"  # a bigger disk
    TERMINATE = "TERMINATE"
    CLEAN = "CLEAN"  # group, key pair, alarm


@dataclass(frozen=True, slots=True)
class Decision:
    """A move to another status, or an act, or neither (wait)."""

    step: Step = Step.WAIT
    to: Status | None = None
    reason: Reason = Reason.DONE

    @property
    def is_wait(self) -> bool:
        return self.to is None and self.step is Step.WAIT


WAIT = Decision()
