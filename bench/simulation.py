"""Auto-stop minute by minute, under CloudWatch's documented rules: is an idle machine always stopped, a busy one never?

The cases are those of docs/decisions/0001 (gap between stop and start x boot burst x activity x who stopped it x phase
x evaluation range x delay of the metric), on types with 1 to 64 vCPUs and on burstable types without CPU credits. All
work is single-threaded. The warm-up and the threshold come from Ondol's own code, the verdicts from the trial's.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import product

from bench.place import table
from localcloud.cloudwatch import judge
from ondol.autostop.forecast import warm_up
from ondol.ec2_types import facts_of
from ondol.policy.threshold import CORE_PERCENT, core_percent_most, cpu_percent

IDLE_MINUTES, PERIOD = 30, 5
OLD_CPU_PERCENT = 5.0
"""The threshold before the rule was a share of one core, on every type."""
BY_VCPUS = (
    "t2.small",
    "t3.small",
    "m7i.xlarge",
    "m7i.2xlarge",
    "m7i.4xlarge",
    "m7i.8xlarge",
    "m7i.12xlarge",
    "m7i.16xlarge",
)
THROTTLED = ("t2.nano", "t2.micro", "t3.nano", "t3.micro", "t3.small", "t3.large", "t3.xlarge", "t2.2xlarge")
BACKGROUND = 0.02
"""The cores that an idle machine uses."""
FROM, UNTIL = 10, 190
"""The minutes of a run between which somebody works."""
ACTIVITIES = ("none", "one loop", "a quarter of a core", "5 minutes of 25")
_START = 1000
_GIVEN_UP = 60
"""A machine that has idled for so many minutes and is not stopped is never stopped."""
_NOON = datetime(2026, 11, 27, 12, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Case:
    """One stop and start, and what the machine does then. Times are minutes."""

    gap: int
    burst: int
    """One core is busy for so long at boot."""
    activity: str
    stopped_by: str
    phase: int
    """LaunchTime after the beginning of a period; also how long before it the alarm was put, up to 3."""
    beyond: int
    """Periods that CloudWatch reads beyond the evaluation periods: always some, in its own example two."""
    delay: int
    """The time after its end at which a period can be read."""


@dataclass(slots=True)
class Result:
    """What became of the cases of one type."""

    counts: Counter[str] = field(default_factory=Counter)
    waits: list[int] = field(default_factory=list)
    """Minutes from the last work until the stop, of those that were stopped in time."""


def cases() -> Iterator[Case]:
    """Yield all 4,320."""
    gaps, bursts, who = (1, 5, 10, 30, 60, 120), (0, 3, 8), ("alarm", "owner")
    for values in product(gaps, bursts, ACTIVITIES, who, range(PERIOD), (2, 3, 5), (1, 6)):
        yield Case(*values)


def simulate(kind: str, percent: float, some: Iterator[Case], *, has_credits: bool = True) -> Result:
    """Return what becomes of `some` cases on a type whose alarm has this threshold in per cent of all vCPUs."""
    facts, result = facts_of(kind), Result()
    vcpus = facts.vcpus or 1
    most = vcpus * (facts.baseline_percent or 100) / 100 if not has_credits else float(vcpus)
    for case in some:
        result.counts["cases"] += 1
        worked_until, stop = _run(case, vcpus, most, percent)
        if stop is None:
            result.counts["never"] += 1
        elif stop < worked_until or stop - max(worked_until, _launch(case)) < IDLE_MINUTES:
            result.counts["early"] += 1
            result.counts["working"] += case.activity != "none" and stop < worked_until
        else:
            result.waits.append(stop - worked_until)
    return result


def _launch(case: Case) -> int:
    return _START + case.phase


def _run(case: Case, vcpus: int, most: float, percent: float) -> tuple[int, int | None]:
    """Return when the last work ends, and when CloudWatch stops the machine; None: never."""
    launch = _launch(case)
    work = [launch + minute for minute in range(UNTIL) if _works(case, minute)]
    worked_until = max(work, default=launch - 1) + 1
    end = worked_until + max(_GIVEN_UP, case.gap)
    busy = set(work)
    load = 0.25 if case.activity == "a quarter of a core" else 1.0
    points: dict[int, bool] = {}
    """Whether its average is below the threshold, by the start of each period with a datapoint."""
    for start in range(_START - 300, end, PERIOD):
        used = [
            u for minute in range(start, start + PERIOD) if (u := _used(case, minute, minute in busy, load)) is not None
        ]
        if used:
            points[start] = 100 * min(sum(used) / len(used), most) / vcpus < percent
    put_at = launch - min(case.phase, 3)
    at = _NOON + timedelta(minutes=put_at)
    for now in range(put_at + warm_up(at, at, IDLE_MINUTES, None), end):
        if _is_alarm(
            tuple(_window(points, case, now, number) for number in range(IDLE_MINUTES // PERIOD + case.beyond))
        ):
            return worked_until, now
    return worked_until, None


def _works(case: Case, minute: int) -> bool:
    if minute < case.burst:
        return True
    if case.activity == "none" or not FROM <= minute < UNTIL:
        return False
    return case.activity != "5 minutes of 25" or (minute - FROM) % 25 < PERIOD


def _used(case: Case, minute: int, is_busy: bool, load: float) -> float | None:
    """Return the cores that are used in a minute; None while the machine does not run."""
    launch, stopped = _launch(case), _launch(case) - case.gap
    if minute >= launch:
        in_burst = minute < launch + case.burst
        return BACKGROUND + (1.0 if in_burst else load if is_busy else 0)
    if minute >= stopped:
        return None
    # The run before: its alarm has seen 40 idle minutes; its owner stopped it 20 minutes after the work.
    idled = 40 if case.stopped_by == "alarm" else 20
    return BACKGROUND + (0 if minute >= stopped - idled else 1.0)


def _window(points: dict[int, bool], case: Case, now: int, number: int) -> bool | None:
    """Return whether the datapoint in a sliding window is below the threshold; None if none can be read yet."""
    first = now - (number + 1) * PERIOD
    start = -(-first // PERIOD) * PERIOD
    return points.get(start) if start + PERIOD + case.delay <= now else None


@cache
def _is_alarm(below: tuple[bool | None, ...]) -> bool:
    needed = IDLE_MINUTES // PERIOD
    rule = judge.Rule(PERIOD * 60, needed, needed, "LessThanThreshold", 50.0)
    seen = [judge.Window(0, None if one is None else 0.0 if one else 100.0) for one in below]
    return judge.judge(rule, seen).state is judge.Alarmed.ALARM


def main() -> None:
    """Print what becomes of all cases on each type, by this rule and by the old one."""
    _table("by the old rule, 5 % of all vCPUs", {kind: OLD_CPU_PERCENT for kind in BY_VCPUS})
    _table("10 % of one core", {kind: cpu_percent(CORE_PERCENT, kind) for kind in BY_VCPUS})
    shares = {kind: min(CORE_PERCENT, core_percent_most([kind])) for kind in THROTTLED}
    _table(
        "without CPU credits, by the share that is installed where the type is permitted",
        {kind: cpu_percent(share, kind) for kind, share in shares.items()},
        has_credits=False,
    )


def _table(title: str, thresholds: dict[str, float], *, has_credits: bool = True) -> None:
    rows: list[tuple[object, ...]] = []
    for kind, percent in thresholds.items():
        found = simulate(kind, percent, cases(), has_credits=has_credits)
        waits = f"{min(found.waits)} to {max(found.waits)} min" if found.waits else "–"
        counts = [found.counts[name] for name in ("cases", "never", "early", "working")]
        rows.append((kind, facts_of(kind).vcpus, f"{percent:g} %", *counts, waits))
    table(
        title, ["type", "vCPUs", "threshold", "cases", "never", "early", "of them at work", "idle until the stop"], rows
    )
