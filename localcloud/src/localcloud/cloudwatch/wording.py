"""The sentences and the JSON that CloudWatch adds to a state: StateReason, StateReasonData, HistoryData."""

import json
from datetime import UTC, datetime
from typing import Any

from localcloud.cloudwatch.judge import Alarmed, Rule, Verdict, Window

_OPERATORS = {
    "GreaterThanOrEqualToThreshold": "greater than or equal to",
    "GreaterThanThreshold": "greater than",
    "LessThanThreshold": "less than",
    "LessThanOrEqualToThreshold": "less than or equal to",
}

CREATED = "Unchecked: Initial alarm creation"


def reason(rule: Rule, verdict: Verdict) -> str:
    if verdict.state is Alarmed.INSUFFICIENT_DATA:
        return f"Insufficient Data: {rule.periods} datapoint{_s(rule.periods)} {_were(rule.periods)} unknown."
    breaching = [w for w in verdict.judged if w.value is not None and rule.breached_by(w.value)]
    alarm = verdict.state is Alarmed.ALARM
    shown = breaching if alarm else [w for w in verdict.judged if w not in breaching]
    values = ", ".join(_datapoint(window) for window in shown)
    count = len(shown) or verdict.missing
    text = f"Threshold Crossed: {count} out of the last {rule.periods} datapoint{_s(rule.periods)}"
    text += f" [{values}] {_were(count)}{'' if alarm else ' not'} {_OPERATORS[rule.comparison]}"
    text += f" the threshold ({float(rule.threshold)})"
    needed = rule.needed if alarm else rule.periods - rule.needed + 1
    move = "OK -> ALARM" if alarm else "ALARM -> OK"
    return f"{text} (minimum {needed} datapoint{_s(needed)} for {move} transition)."


def reason_data(rule: Rule, verdict: Verdict, now: float) -> str:
    """Return the documented keys of StateReasonData, version 1.0."""
    data: dict[str, Any] = {
        "version": "1.0",
        "queryDate": stamp(now),
        "statistic": rule.statistic,
        "period": rule.period,
        "recentDatapoints": [window.value for window in reversed(verdict.judged)],
        "threshold": float(rule.threshold),
        "evaluatedDatapoints": [{"timestamp": stamp(w.start), "value": w.value} for w in verdict.judged],
    }
    if verdict.judged:
        data["startDate"] = stamp(verdict.judged[-1].start)
    return json.dumps(data)


def stamp(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.000+0000")


def _datapoint(window: Window) -> str:
    when = datetime.fromtimestamp(window.start, UTC)
    return f"{window.value} ({when:%d/%m/%y %H:%M:%S})"


def _s(count: int) -> str:
    return "" if count == 1 else "s"


def _were(count: int) -> str:
    return "was" if count == 1 else "were"
