"""Which requests a machine accepts in which state, and its next state. Pure.

From the EC2 user guide, "Instance lifecycle", and the errors seen in practice: starting a running machine or stopping a
stopped one succeeds and changes nothing; starting one that is still stopping is refused.
"""

from enum import Enum


class State(Enum):
    """The name and code as in InstanceState; the upper byte of the code is Amazon's own business."""

    PENDING = ("pending", 0)
    RUNNING = ("running", 16)
    SHUTTING_DOWN = ("shutting-down", 32)
    TERMINATED = ("terminated", 48)
    STOPPING = ("stopping", 64)
    STOPPED = ("stopped", 80)

    @property
    def label(self) -> str:
        return self.value[0]

    @property
    def code(self) -> int:
        return self.value[1]

    def shown(self) -> dict[str, object]:
        return {"Name": self.label, "Code": self.code}


class Refused(Exception):
    """A request that the state does not allow; the message is the one that AWS gives."""


P, R, D, T, G, S = (
    State.PENDING,
    State.RUNNING,
    State.SHUTTING_DOWN,
    State.TERMINATED,
    State.STOPPING,
    State.STOPPED,
)

#: request → state → next state; what is not here is refused
TRANSITIONS: dict[str, dict[State, State]] = {
    "start": {S: P, P: P, R: R},
    "stop": {R: G, G: G, S: S},
    "terminate": {P: D, R: D, G: D, S: D, D: D, T: T},
    "reboot": {R: R},
}

_REASONS = {
    "start": "is not in a state from which it can be started.",
    "stop": "is not in a state from which it can be stopped.",
    "terminate": "is not in a state from which it can be terminated.",
    "reboot": "is not in a state from which it can be rebooted.",
}

#: where a state leads by itself once its seconds are over
SETTLES: dict[State, State] = {P: R, G: S, D: T}

#: real seconds from pending to running, and so on; AWS takes 10 to 60, a trial should not
TRANSITION_TAKES = 2.0

#: and from running until both status checks say ok; AWS takes two to four minutes
CHECKS_TAKE = 20.0

#: seconds on the cloud's clock that a terminated machine can still be described
REMEMBERED = 3600.0


def checks(running_for: float, take: float) -> str:
    """Return what both status checks say about a running machine."""
    return "initializing" if running_for < take else "ok"


def after(request: str, instance_id: str, state: State) -> State:
    """Return the next state of a machine after `request`. Raises Refused."""
    if request == "stop" and state is State.PENDING:
        raise Refused(f"Instance '{instance_id}' is in an invalid state: it never reached 'running'.")
    try:
        return TRANSITIONS[request][state]
    except KeyError:
        raise Refused(f"The instance '{instance_id}' {_REASONS[request]}") from None
