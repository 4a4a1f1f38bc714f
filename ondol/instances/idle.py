"""What auto-stop reckons with: until when a machine is let be. Standard library only, no I/O."""

from datetime import datetime, timedelta

METRIC_DELAY = timedelta(minutes=10)
"""Beyond the idle window. The first judgement is then on datapoints of this run only: 6 to 10 minutes are right for a
30-minute rule by simulation over 4,320 cases (docs/decisions/0001)."""
LET_BE = timedelta(minutes=15)
"""Nobody is stopped sooner after a click, a changed policy, or an alarm that was put anew."""
WARM_UP_MAX_MINUTES = 2880
"""CloudWatch's."""


def warm_up(now: datetime, run_since: datetime, idle_minutes: int, awake_until: datetime | None) -> int:
    """Minutes for which an alarm that is put `now` must not judge a run that began at `run_since`."""
    judged_at = run_since + timedelta(minutes=idle_minutes) + METRIC_DELAY
    ends = max(judged_at, now + LET_BE, awake_until or now)
    return min(-((now - ends) // timedelta(minutes=1)), WARM_UP_MAX_MINUTES)
