"""When a machine will stop: until when its alarm waits, and when it then acts. Standard library only, no I/O."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from ondol.instances.record import PERIOD_MINUTES

METRIC_DELAY = timedelta(minutes=10)
"""Added to the idle window, so that the first judgement is on datapoints of this run only: 6 to 10 minutes are right
for a 30-minute rule by simulation over 4,320 cases (docs/decisions/0001)."""
MIN_NOTICE = timedelta(minutes=15)
"""No machine is stopped sooner after a click, a changed policy, or an alarm that was replaced."""
WARM_UP_MAX_MINUTES = 2880
"""CloudWatch's limit."""


def warm_up(
    now: datetime,
    run_since: datetime,
    idle_minutes: int,
    awake_until: datetime | None,
    notice: timedelta = MIN_NOTICE,
) -> int:
    """Return the minutes for which an alarm that is put `now` must not judge a run that began at `run_since`."""
    judged_at = run_since + timedelta(minutes=idle_minutes) + METRIC_DELAY
    ends = max(judged_at, now + notice, awake_until or now)
    return min(-((now - ends) // timedelta(minutes=1)), WARM_UP_MAX_MINUTES)


PERIOD = timedelta(minutes=PERIOD_MINUTES)
SHOWN_AFTER = (timedelta(minutes=1), timedelta(minutes=6))
"""How long after its period a datapoint is judged: at best, and if CloudWatch is late, as it often is."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """When the alarm will stop a machine, if it idles from now on."""

    earliest: datetime
    latest: datetime
    is_active: bool
    """The machine works, by the last reading: the times are those if it idles from now on."""


def forecast(
    now: datetime,
    readings: Sequence[tuple[datetime, float]],
    run_since: datetime,
    warm_up_ends: datetime,
    idle_minutes: int,
    cpu_percent: float,
    worked: Collection[datetime] = (),
) -> Forecast:
    """Return the forecast from the readings of this run (start of 5 minutes, per cent; oldest first) and its alarm.

    Periods that begin at one of `worked` are active whatever their CPU.

    The alarm fires with the first judgement that sees `idle_minutes` of idle periods in a row, and not before its
    warm-up is over. Periods without a reading yet count as idle for `earliest`, and, if the last reading was active, as
    active for `latest`.
    """
    window = timedelta(minutes=idle_minutes)
    active = [at for at, percent in readings if percent >= cpu_percent or at in worked]
    is_active = bool(active) and active[-1] == readings[-1][0]
    idle_since = active[-1] + PERIOD if active else floor(run_since)
    earliest = max(earliest_stop(idle_since, idle_minutes, warm_up_ends), now)
    if is_active:
        idle_since = max(idle_since, floor(now))
    latest = max(idle_since + window + SHOWN_AFTER[1], warm_up_ends + PERIOD, earliest + PERIOD)
    return Forecast(earliest, latest, is_active)


def earliest_stop(idle_since: datetime, idle_minutes: int, warm_up_ends: datetime) -> datetime:
    """Return the earliest time at which an alarm stops a machine that has been idle since `idle_since`."""
    return max(idle_since + timedelta(minutes=idle_minutes) + SHOWN_AFTER[0], warm_up_ends)


def floor(moment: datetime) -> datetime:
    """Return the start of the 5-minute period of a moment: CloudWatch's periods begin at full 5 minutes."""
    return moment - timedelta(seconds=moment.timestamp() % PERIOD.total_seconds())
