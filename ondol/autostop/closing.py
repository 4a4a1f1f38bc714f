"""When a run has to end because the allowed hours are over. Standard library only, no I/O."""

from dataclasses import dataclass
from datetime import datetime

from ondol.autostop.forecast import MIN_NOTICE
from ondol.policy.hours import Hours


@dataclass(frozen=True, slots=True)
class Closing:
    """The closing time that a machine meets next."""

    at: datetime
    stops_at: datetime
    """Later than the closing time if the machine is kept awake beyond it, or the hours were just set."""
    is_waived: bool


def closing_of(
    began: datetime, awake_until: datetime | None, waived: datetime | None, hours: Hours | None, now: datetime
) -> Closing | None:
    """Return the closing of a run that `began` then, which its owner keeps awake or has `waived`; None: there is none.

    A closing time before the run began does not apply to it: a person's act comes before the schedule.
    """
    if hours is None:
        return None
    at = hours.last_close(now)
    if hours.is_open(now) or at is None or began >= at or _is_waived(waived, at):
        at = hours.next_close(now)
    if at is None:
        return None
    stops_at = max(at, awake_until or at, hours.set_at + MIN_NOTICE if hours.set_at else at)
    if hours.is_open(stops_at):  # it is kept awake until the hours begin again
        at = stops_at = hours.next_close(stops_at) or stops_at
    return Closing(at, stops_at, _is_waived(waived, at))


def _is_waived(waived: datetime | None, close: datetime) -> bool:
    # Or an earlier time, if the hours have changed meanwhile.
    return waived is not None and waived >= close
