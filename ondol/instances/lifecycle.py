"""THE state machine: what a machine's row should do next, given what AWS shows. Standard library only, no I/O.

Changing states say what is wanted (PENDING, STARTING: run; STOPPING: stopped; TERMINATING, FAILED: nothing left).
Settled states follow AWS: the alarm stops machines without us, so "desired = running" would restart what AWS has just
stopped.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from ondol.instances.decision import WAIT, Decision, Step
from ondol.instances.observation import Seen, View
from ondol.instances.states import OURS, Reason, Status

_UNEXPLAINED = frozenset({Reason.UNKNOWN, Reason.OUTSIDE, Reason.IDLE})
"""AWS's history may say more about a stop with one of these reasons. Earlier versions wrote OUTSIDE when they had asked
too early."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long AWS may take, on the machines' clock."""

    change: timedelta = timedelta(minutes=10)
    """The limit for a start, a stop, a launch. EC2 needs about a minute."""
    ready: timedelta = timedelta(minutes=4)
    """The limit from running until SSH answers."""
    withdrawn: timedelta = timedelta(minutes=2)
    """The limit for the shutdown of a machine whose owner is not approved: root may hold it up from inside."""
    absent: timedelta = timedelta(minutes=2)
    """DescribeInstances may lag behind RunInstances; a machine to be terminated that is missing for longer is gone."""
    shown: timedelta = timedelta(seconds=10)
    """EC2 may show the state before an act for this long. What it still shows after six times that is true."""
    gone: timedelta = timedelta(hours=1)
    """A missing machine that nobody terminated here is gone after this time. AWS shows terminated machines for about
    an hour, so this is rare; and we have the only copy of its key."""


TIMEOUTS = Timeouts()
STARTS = 2
"""How often a start that AWS accepts and undoes is asked for: after that, somebody has to find out why."""


_ADMITTING = frozenset({Status.PENDING, Status.STARTING, Status.RUNNING, Status.STOPPING, Status.STOPPED})
_AFTER_ADMIT = frozenset({Step.WAIT, Step.PROBE, Step.GROW, Step.REPLACE_KEY})
"""Steps that come after ADMIT. Setting the alarm, stopping and terminating come first; a start sets the security group
itself.
"""


def decide(
    status: Status, reason: Reason, seen: Seen, since: datetime, now: datetime, timeouts: Timeouts = TIMEOUTS
) -> Decision:
    """Return the next thing to do for a machine that has been in `status` for `reason` since `since`."""
    decision = _decide(status, reason, seen, since, now, timeouts)
    is_admitted = seen.group_differs and status in _ADMITTING and decision.to is None
    return Decision(Step.ADMIT) if is_admitted and decision.step in _AFTER_ADMIT else decision


def _decide(status: Status, reason: Reason, seen: Seen, since: datetime, now: datetime, timeouts: Timeouts) -> Decision:
    if not seen.may_run and (withdrawn := withdrawal(status, seen, now, timeouts)):
        return withdrawn
    match status:
        case Status.PENDING:
            return _pending(seen, since, now, timeouts)
        case Status.STARTING:
            return _starting(seen, since, now, timeouts)
        case Status.RUNNING:
            return _running(seen, now, timeouts)
        case Status.STOPPING:
            return _stopping(reason, seen, since, now, timeouts)
        case Status.STOPPED:
            return _stopped(seen, now, timeouts)
        case Status.TERMINATING:
            rest = _nothing_left(seen, now, timeouts)
            return Decision(to=Status.TERMINATED) if rest is None else rest
        case Status.FAILED | Status.TERMINATED:
            # Also a launch that AWS shows only after we gave it up.
            return _nothing_left(seen, now, timeouts) or WAIT


def withdrawal(status: Status, seen: Seen, now: datetime, timeouts: Timeouts = TIMEOUTS) -> Decision | None:
    """Return what to do with a machine whose owner is not approved; None: the same as with any other.

    A machine that AWS shows is stopped, never terminated; a creation of which AWS shows nothing is given up.
    """
    to_stop = Decision(to=Status.STOPPING, reason=Reason.NOT_APPROVED)
    match status, seen.view:
        case Status.PENDING, View.UNSEEN | View.ABSENT if seen.unknown and not seen.asked:
            return None
        case Status.PENDING, View.ABSENT if seen.asked and not _is_gone(seen, now, timeouts.absent):
            return WAIT  # it was launched, and is not shown for a moment
        case Status.PENDING, View.UNSEEN | View.ABSENT:
            return Decision(to=Status.TERMINATING, reason=Reason.NOT_APPROVED)
        case Status.PENDING, View.PENDING | View.RUNNING:
            return to_stop
        case Status.STARTING, View.UNSEEN | View.STOPPED | View.PENDING | View.RUNNING:
            return to_stop  # also if it is stopped: a worker may be asking for its start at this moment
        case Status.RUNNING, View.UNSEEN | View.PENDING | View.RUNNING:
            return to_stop
    return None


def _pending(seen: Seen, since: datetime, now: datetime, timeouts: Timeouts) -> Decision:
    late = now - since > timeouts.change
    match seen.view:
        case View.UNSEEN | View.ABSENT:
            if late:
                return Decision(to=Status.FAILED, reason=Reason.TOO_LATE)
            if seen.unknown and not seen.asked:
                return Decision(to=Status.FAILED, reason=Reason.UNKNOWN_MACHINE)
            # The same token again gives the same machine, so asking again is safe.
            return Decision(Step.LAUNCH if seen.prepared else Step.PREPARE)
        case View.SHUTTING_DOWN | View.TERMINATED:
            return Decision(to=Status.FAILED, reason=Reason.LAUNCH_FAILED)
        case View.STOPPED:
            return Decision(Step.ASK_WHY)
    # Without its alarm, a machine would cost money for ever; nobody has worked on this one yet.
    if late and (seen.view is View.PENDING or (seen.view is View.RUNNING and not seen.armed)):
        return Decision(to=Status.FAILED, reason=Reason.TOO_LATE)
    return _towards_running(seen, now, timeouts)


def _starting(seen: Seen, since: datetime, now: datetime, timeouts: Timeouts) -> Decision:
    late = now - since > timeouts.change
    match seen.view:
        case View.UNSEEN:
            return WAIT
        case View.ABSENT:
            return _gone_if_long(seen, now, timeouts)
        case View.SHUTTING_DOWN | View.TERMINATED:
            return Decision(to=Status.TERMINATING, reason=Reason.OUTSIDE)
        case View.STOPPED:
            return Decision(to=Status.STOPPED, reason=Reason.TOO_LATE) if late else _start(seen, now, timeouts)
        case View.RUNNING if late and not seen.armed:
            # Its owner may use it, and stop it; the alarm is tried for as long as it runs, and administrators are told.
            return Decision(to=Status.RUNNING, reason=Reason.UNARMED)
    return _towards_running(seen, now, timeouts)


def _start(seen: Seen, now: datetime, timeouts: Timeouts) -> Decision:
    """Return the next step to start a stopped machine: its size, its alarm, or the start itself."""
    if seen.starts and not _is_start_undone(seen, now, timeouts):
        return WAIT
    if seen.starts >= STARTS:
        return Decision(to=Status.STOPPED, reason=Reason.START_UNDONE)
    if not (resizing := _at_rest(seen)).is_wait:
        return resizing
    # The alarm comes first: should we die after StartInstances, the machine still stops by itself. The alarm of the
    # last run is deleted, since it would judge that run's idling.
    if not seen.armed:
        return Decision(Step.ARM)
    return Decision(Step.DROP_ALARM) if seen.other_alarm else Decision(Step.START)


def _is_start_undone(seen: Seen, now: datetime, timeouts: Timeouts) -> bool:
    """Return whether it has stopped again after its start; at first, EC2 may still show the state before it."""
    certain_after = timeouts.shown * (6 if seen.shut_down else 1)
    return seen.start_asked_at is None or now - seen.start_asked_at > certain_after


def _may_yet_start(seen: Seen, since: datetime, now: datetime, timeouts: Timeouts) -> bool:
    """Return whether it was stopped before we asked for the stop, so that a start under way may still show."""
    if seen.since is None or seen.since > since:
        return False
    return not _is_start_undone(seen, now, timeouts) if seen.starts else now - since <= timeouts.shown


def _towards_running(seen: Seen, now: datetime, timeouts: Timeouts) -> Decision:
    if seen.view is View.STOPPING:
        return WAIT
    if not seen.armed:
        return Decision(Step.ARM)
    if seen.view is View.PENDING:
        return Decision(Step.DROP_ALARM) if seen.other_alarm else WAIT
    if seen.ready:
        return Decision(to=Status.RUNNING)
    if seen.since is not None and now - seen.since > timeouts.ready:
        return Decision(to=Status.RUNNING, reason=Reason.UNREACHABLE)
    return Decision(Step.PROBE)


def _running(seen: Seen, now: datetime, timeouts: Timeouts) -> Decision:
    match seen.view:
        case View.PENDING | View.RUNNING:
            if seen.armed and seen.disk_differs and seen.view is View.RUNNING:
                return Decision(Step.GROW)
            if not seen.armed:
                return Decision(Step.ARM)
            if seen.other_alarm:
                return Decision(Step.DROP_ALARM)
            return Decision(Step.REPLACE_KEY) if seen.key_differs and seen.view is View.RUNNING else WAIT
        case View.STOPPING:
            return Decision(to=Status.STOPPING, reason=Reason.UNKNOWN)
        case View.STOPPED:
            return Decision(Step.ASK_WHY)
        case View.SHUTTING_DOWN | View.TERMINATED:
            return Decision(to=Status.TERMINATING, reason=Reason.OUTSIDE)
        case View.ABSENT:
            return _gone_if_long(seen, now, timeouts)
        case View.UNSEEN:
            return WAIT


def _stopping(reason: Reason, seen: Seen, since: datetime, now: datetime, timeouts: Timeouts) -> Decision:
    match seen.view:
        case View.STOPPED if reason in _UNEXPLAINED:
            return Decision(Step.ASK_WHY)
        case View.STOPPED if reason is Reason.NOT_APPROVED and _may_yet_start(seen, since, now, timeouts):
            return WAIT
        case View.STOPPED:
            return Decision(to=Status.STOPPED, reason=reason)
        case View.RUNNING if reason not in OURS:
            # We did not ask for this stop, and somebody has started it again: we do not stop it. But soon after the
            # stop, EC2 may still show the state before it.
            return Decision(to=Status.RUNNING, reason=Reason.OUTSIDE) if now - since > timeouts.shown else WAIT
        case View.RUNNING:
            late = now - since > timeouts.change
            return Decision(to=Status.RUNNING, reason=Reason.STOP_FAILED) if late else Decision(Step.STOP)
        case View.STOPPING:
            limit = timeouts.change if seen.may_run else timeouts.withdrawn
            hangs = seen.since is not None and now - seen.since > limit
            return Decision(Step.FORCE_STOP) if hangs else WAIT
        case View.SHUTTING_DOWN | View.TERMINATED:
            return Decision(to=Status.TERMINATING, reason=Reason.OUTSIDE)
        case View.ABSENT:
            return _gone_if_long(seen, now, timeouts)
        case View.PENDING | View.UNSEEN:
            return WAIT


def _stopped(seen: Seen, now: datetime, timeouts: Timeouts) -> Decision:
    match seen.view:
        case View.RUNNING:
            return Decision(to=Status.RUNNING, reason=Reason.OUTSIDE)
        case View.SHUTTING_DOWN | View.TERMINATED:
            return Decision(to=Status.TERMINATING, reason=Reason.OUTSIDE)
        case View.ABSENT:
            return _gone_if_long(seen, now, timeouts)
        case View.STOPPED if seen.other_alarm and _at_rest(seen).is_wait:
            return Decision(Step.DROP_ALARM)
        case View.STOPPED:
            return _at_rest(seen)
        case View.STOPPING | View.PENDING | View.UNSEEN:
            return WAIT


def _at_rest(seen: Seen) -> Decision:
    """Return what to change while it is stopped: its type, or its disk, whose file system grows at the start."""
    if seen.type_differs:
        return Decision(Step.RESIZE)
    return Decision(Step.GROW) if seen.disk_differs else WAIT


def _gone_if_long(seen: Seen, now: datetime, timeouts: Timeouts) -> Decision:
    is_gone = _is_gone(seen, now, timeouts.gone)
    return Decision(to=Status.TERMINATING, reason=Reason.OUTSIDE) if is_gone else WAIT


def _is_gone(seen: Seen, now: datetime, after: timedelta) -> bool:
    """Return whether AWS has not shown it for longer than `after`."""
    return seen.since is not None and now - seen.since > after


def _nothing_left(seen: Seen, now: datetime, timeouts: Timeouts) -> Decision | None:
    """Return what to remove or wait for; None once nothing is left."""
    match seen.view:
        case View.PENDING | View.RUNNING | View.STOPPING | View.STOPPED:
            return Decision(Step.TERMINATE)
        case View.SHUTTING_DOWN:
            return WAIT
        case View.UNSEEN if seen.asked:
            return WAIT
        case View.ABSENT if seen.asked and not seen.clean:
            # A launch whose answer was lost may not show yet; cleaning up now would leave it behind.
            if seen.since is None or now - seen.since <= timeouts.absent:
                return WAIT
    if seen.unknown:
        return WAIT
    return None if seen.clean else Decision(Step.CLEAN)
