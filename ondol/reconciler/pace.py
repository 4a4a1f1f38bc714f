"""How long people wait after a click, in seconds of real time, for Prometheus."""

from ondol import clock, metrics
from ondol.instances.runs import Run
from ondol.instances.states import Status

_WAITED = {Status.PENDING: "create", Status.STARTING: "start"}


def launched(run: Run, what: str) -> None:
    """Note that AWS has accepted what was asked for, `create` or `start`."""
    metrics.CLICK_TO_LAUNCH.labels(what).observe(_seconds(run))


def ready(run: Run, was: Status) -> None:
    """Note that a machine can be used; not for one that was started outside, since nobody here has waited for it."""
    if was in _WAITED:
        metrics.CLICK_TO_READY.labels(_WAITED[was]).observe(_seconds(run))


def _seconds(run: Run) -> float:
    speed = clock.clock().speed or 1.0  # it is 0 where the clock stands still
    return max(0.0, (clock.now() - run.began_at).total_seconds() / speed)
