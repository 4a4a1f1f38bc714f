"""How CloudWatch evaluates an alarm. Pure: datapoints and a time in, a verdict out.

From the CloudWatch user guide, "Evaluating an alarm" and "Configuring how CloudWatch alarms treat missing data":

- Every minute it uses windows of one period each, ending at that minute, so windows slide over the datapoints.
- It reads more windows than EvaluationPeriods (their example: 5 for 3; the general rule is not documented).
- Enough datapoints among them: the newest EvaluationPeriods are judged and TreatMissingData plays no part.
- Too few: the missing ones are filled as TreatMissingData says. Only a range without any is INSUFFICIENT_DATA.
- Even with too few, the oldest breaching datapoint, if it is old enough and nothing newer is fine, means ALARM.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

#: their example reads two windows more than it needs; we do so for every alarm
READ_BEYOND = 2


class Alarmed(StrEnum):
    OK = "OK"
    ALARM = "ALARM"
    INSUFFICIENT_DATA = "INSUFFICIENT_DATA"


@dataclass(frozen=True)
class Datapoint:
    """An aggregated datapoint, as CloudWatch stores it. Its period begins at `at`; it can be read from `visible` on."""

    at: float
    visible: float
    samples: float
    total: float
    low: float
    high: float
    unit: str = "Percent"


@dataclass(frozen=True)
class Rule:
    period: int
    periods: int
    needed: int  # DatapointsToAlarm
    comparison: str
    threshold: float
    statistic: str = "Average"
    missing: str = "missing"
    unit: str | None = None

    @property
    def windows(self) -> int:
        return self.periods + READ_BEYOND

    @property
    def reach(self) -> int:
        """Return how many seconds back from now an evaluation reads."""
        return self.windows * self.period

    def breached_by(self, value: float) -> bool:
        return {
            "GreaterThanOrEqualToThreshold": value >= self.threshold,
            "GreaterThanThreshold": value > self.threshold,
            "LessThanThreshold": value < self.threshold,
            "LessThanOrEqualToThreshold": value <= self.threshold,
        }[self.comparison]


@dataclass(frozen=True)
class Window:
    start: float
    value: float | None


@dataclass(frozen=True)
class Verdict:
    """The result of an evaluation; `state` is None if the current one stays."""

    state: Alarmed | None
    judged: list[Window] = field(default_factory=list)
    missing: int = 0


def statistic(name: str, points: Sequence[Datapoint]) -> float | None:
    """Return one value for the points of one period; None if there is no point."""
    if not points:
        return None
    samples = sum(point.samples for point in points)
    match name:
        case "Average":
            return sum(point.total for point in points) / samples
        case "Sum":
            return sum(point.total for point in points)
        case "SampleCount":
            return samples
        case "Minimum":
            return min(point.low for point in points)
        case "Maximum":
            return max(point.high for point in points)
    raise ValueError(name)


def windows(rule: Rule, points: Iterable[Datapoint], now: float) -> list[Window]:
    """Return the windows, newest first. One ends at the minute of `now`; what is not visible by then does not exist."""
    end = now // 60 * 60
    known = [p for p in points if p.visible <= now and rule.unit in (None, p.unit)]
    found = []
    for number in range(rule.windows):
        start = end - (number + 1) * rule.period
        inside = [point for point in known if start <= point.at < start + rule.period]
        found.append(Window(start, statistic(rule.statistic, inside)))
    return found


def judge(rule: Rule, seen: Sequence[Window]) -> Verdict:
    """Return the verdict on `seen`, newest first, as `windows` returns them."""
    real = [window for window in seen if window.value is not None]
    if not real:
        return Verdict(_all_missing(rule), [], rule.periods)
    latest = real[: rule.periods]
    breaching = sum(_breaches(rule, window) for window in latest)
    filled = rule.periods - len(latest)
    if rule.missing == "breaching":
        breaching += filled
    if breaching >= rule.needed:
        return Verdict(Alarmed.ALARM, latest, filled)
    if filled and rule.missing in ("missing", "ignore"):
        return Verdict(_too_few(rule, seen, real), latest, filled)
    return Verdict(Alarmed.OK, latest, filled)


def _all_missing(rule: Rule) -> Alarmed | None:
    return {
        "missing": Alarmed.INSUFFICIENT_DATA,
        "ignore": None,
        "breaching": Alarmed.ALARM,
        "notBreaching": Alarmed.OK,
    }[rule.missing]


def _too_few(rule: Rule, seen: Sequence[Window], real: Sequence[Window]) -> Alarmed | None:
    """Return the verdict if there are too few datapoints to decide by counting.

    Their examples, for 3 of 3, oldest first:
    `- - X - -` is ALARM (with `ignore`: stays), `- - - - X` stays, `- - - - 0` is OK.
    """
    if not all(_breaches(rule, window) for window in real):
        return Alarmed.OK
    oldest = max(number for number, window in enumerate(seen) if window.value is not None)
    if len(real) < rule.needed and oldest + 1 >= rule.needed and rule.missing == "missing":
        return Alarmed.ALARM
    return None


def _breaches(rule: Rule, window: Window) -> bool:
    return window.value is not None and rule.breached_by(window.value)


def fills_its_window(rule: Rule, seen: Sequence[Window]) -> bool:
    """Return whether there is enough data to end a warm-up early."""
    return sum(window.value is not None for window in seen) >= rule.periods
