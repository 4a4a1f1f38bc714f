"""The statuses of a machine's row, the moves between them, and their reasons. Standard library only."""

from enum import StrEnum


class Status(StrEnum):
    """The status of a machine's row."""

    PENDING = "PENDING"
    RUNNING = "RUNNING"
    STOPPING = "STOPPING"
    STOPPED = "STOPPED"
    STARTING = "STARTING"
    TERMINATING = "TERMINATING"
    TERMINATED = "TERMINATED"
    FAILED = "FAILED"


CHANGING = frozenset({Status.PENDING, Status.STARTING, Status.STOPPING, Status.TERMINATING})
"""Statuses that are checked every few seconds, and that pages poll for."""
PRESENT = frozenset({Status.STARTING, Status.RUNNING, Status.STOPPING, Status.STOPPED})
"""Those of a machine that was made, and that nobody has asked to delete."""
SETTLED = frozenset({Status.RUNNING, Status.STOPPED})
"""Those of these that say what is, not what was asked for."""
RUNS_OR_WILL = frozenset({Status.PENDING, Status.STARTING, Status.RUNNING})
"""Those in which it runs, or is asked to."""

MOVES: dict[Status, frozenset[Status]] = {
    Status.PENDING: frozenset(
        {
            Status.RUNNING,
            Status.STOPPING,
            Status.STOPPED,
            Status.FAILED,
            Status.TERMINATING,
        }
    ),
    Status.STARTING: frozenset({Status.RUNNING, Status.STOPPING, Status.STOPPED, Status.TERMINATING}),
    Status.RUNNING: frozenset({Status.STOPPING, Status.STOPPED, Status.TERMINATING}),
    Status.STOPPING: frozenset({Status.STOPPED, Status.RUNNING, Status.TERMINATING}),
    Status.STOPPED: frozenset({Status.STARTING, Status.RUNNING, Status.TERMINATING}),
    Status.FAILED: frozenset({Status.PENDING, Status.TERMINATING}),
    Status.TERMINATING: frozenset({Status.TERMINATED}),
    Status.TERMINATED: frozenset(),
}
"""Every move there is; `moves.move` refuses any other."""


class Reason(StrEnum):
    """Why a status was entered."""

    PERSON = "PERSON"  # its owner asked
    ADMIN = "ADMIN"  # an administrator asked
    IDLE = "IDLE"  # the alarm stopped it
    BUDGET = "BUDGET"  # its owner's budget of the month is used up
    SCHEDULE = "SCHEDULE"  # the hours at which it may run are over
    NOT_APPROVED = "NOT_APPROVED"  # its owner is not approved any more
    INSIDE = "INSIDE"  # shut down from inside (sudo poweroff)
    OUTSIDE = "OUTSIDE"  # somebody else, such as in the AWS console
    DONE = "DONE"  # what was asked for has happened
    RESIZED = "RESIZED"  # the same status; it has another type or disk
    SIZE_REFUSED = "SIZE_REFUSED"  # the same status; AWS has refused another type or disk
    UNREACHABLE = "UNREACHABLE"  # running, but SSH does not answer yet
    UNKNOWN_MACHINE = "UNKNOWN_MACHINE"  # its owner has one that this database does not know
    UNARMED = "UNARMED"  # running, but PutMetricAlarm fails
    TOO_LATE = "TOO_LATE"  # AWS did not finish in time
    LAUNCH_FAILED = "LAUNCH_FAILED"  # AWS terminated the machine while it was created
    START_UNDONE = "START_UNDONE"  # AWS accepted the start, and it was stopped again before it ran
    STOP_FAILED = "STOP_FAILED"
    NO_CAPACITY = "NO_CAPACITY"
    QUOTA = "QUOTA"
    REFUSED = "REFUSED"
    UNKNOWN = "UNKNOWN"  # AWS is stopping it, and nobody here asked for it; once it has stopped, AWS's history says why


OURS = frozenset({
    Reason.PERSON, Reason.ADMIN, Reason.BUDGET, Reason.SCHEDULE, Reason.IDLE, Reason.NOT_APPROVED,
})  # fmt: skip
"""The reasons of a stop that Ondol asks for, and goes on asking for until the machine has stopped; IDLE only where its
alarm could not stop it."""
