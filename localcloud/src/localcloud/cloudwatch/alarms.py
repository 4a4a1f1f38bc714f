"""The alarms of this account: their settings, state and history, and the actions at a change of state."""

import json
import logging
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

from localcloud.cloudwatch import wording
from localcloud.cloudwatch.judge import Alarmed, Rule, fills_its_window, judge, windows
from localcloud.cloudwatch.metrics import Metrics, series
from localcloud.persistence import Database

log = logging.getLogger(__name__)

HISTORY_KEPT = 30 * 86_400.0

#: runs an action's ARN for an alarm; returns an error or nothing
Act = Callable[[str, "Alarm"], str | None]


@dataclass
class Alarm:
    """An alarm: `settings` are PutMetricAlarm's parameters as they came; the rest is our own data."""

    name: str
    arn: str
    settings: dict[str, Any]
    created: float
    configured: float
    state: str = Alarmed.INSUFFICIENT_DATA
    reason: str = wording.CREATED
    reason_data: str = ""
    updated: float = 0.0
    transitioned: float = 0.0
    warm: bool = False  # the warm-up is over, permanently: changing its length later does not start it again
    tags: dict[str, str] = field(default_factory=dict)

    @property
    def rule(self) -> Rule:
        s = self.settings
        return Rule(
            period=int(s["Period"]),
            periods=int(s["EvaluationPeriods"]),
            needed=int(s.get("DatapointsToAlarm") or s["EvaluationPeriods"]),
            comparison=s["ComparisonOperator"],
            threshold=float(s["Threshold"]),
            statistic=s["Statistic"],
            missing=s.get("TreatMissingData") or "missing",
            unit=s.get("Unit"),
        )

    @property
    def series(self) -> str:
        return series(self.settings["Namespace"], self.settings["MetricName"], self.settings.get("Dimensions") or [])

    @property
    def dimensions(self) -> dict[str, str]:
        return {one["Name"]: one["Value"] for one in self.settings.get("Dimensions") or []}

    @property
    def acts(self) -> bool:
        return self.settings.get("ActionsEnabled") is not False

    def actions_for(self, state: str) -> list[str]:
        names = {"OK": "OKActions", "ALARM": "AlarmActions", "INSUFFICIENT_DATA": "InsufficientDataActions"}
        return list(self.settings.get(names[state]) or [])

    def warming_up(self, now: float, enough_data: bool) -> bool:
        """Return whether it is in its warm-up, in which an alarm neither judges nor acts.

        Without the flag it ends as soon as the data suffices.
        """
        warm_up = self.settings.get("WarmUpConfiguration")
        if self.warm or not warm_up:
            return False
        over = now >= self.created + 60 * int(warm_up["WarmUpPeriodDurationInMinutes"])
        if not over and not (enough_data and not warm_up.get("OnlyStartEvaluatingAfterWarmUpPeriodEnds")):
            return True
        self.warm = True
        return False


class Alarms:
    """The alarms. Every method is called with the cloud's lock held."""

    def __init__(self, database: Database, metrics: Metrics, act: Act) -> None:
        self.database = database
        self.metrics = metrics
        self.act = act
        rows = database.execute("SELECT body FROM alarm")
        self.known = {alarm.name: alarm for alarm in (Alarm(**json.loads(row[0])) for row in rows)}

    def keep(self, alarm: Alarm) -> None:
        self.known[alarm.name] = alarm
        self.database.execute("INSERT OR REPLACE INTO alarm VALUES (?, ?)", (alarm.name, json.dumps(asdict(alarm))))

    def put(self, alarm: Alarm, now: float) -> None:
        """Put an alarm.

        A new one starts INSUFFICIENT_DATA; an update overwrites everything but the state and the tags.
        """
        before = self.known.get(alarm.name)
        if before:
            before.settings, before.configured = alarm.settings, now
            before.warm = before.warm or not before.warming_up(now, enough_data=False)
            self.note(before, "ConfigurationUpdate", f'Alarm "{alarm.name}" updated', {"type": "Update"}, now)
            self.keep(before)
            return
        alarm.updated = alarm.transitioned = now
        alarm.warm = not alarm.settings.get("WarmUpConfiguration")
        self.note(alarm, "ConfigurationUpdate", f'Alarm "{alarm.name}" created', {"type": "Create"}, now)
        self.keep(alarm)

    def delete(self, names: list[str], now: float) -> None:
        """Delete alarms; unknown names do not prevent the deletion of known ones.

        The history stays, for its 30 days.
        """
        for name in names:
            alarm = self.known.pop(name, None)
            if alarm:
                self.note(alarm, "ConfigurationUpdate", f'Alarm "{name}" deleted', {"type": "Delete"}, now)
                self.database.execute("DELETE FROM alarm WHERE name = ?", (name,))

    def switch(self, names: list[str], on: bool, now: float) -> None:
        for alarm in (self.known[name] for name in names if name in self.known):
            alarm.settings["ActionsEnabled"] = on
            self.note(alarm, "ConfigurationUpdate", f'Alarm "{alarm.name}" updated', {"type": "Update"}, now)
            self.keep(alarm)

    def evaluate(self, minute: float) -> None:
        """Evaluate all alarms, at one minute of the cloud's clock."""
        for alarm in list(self.known.values()):
            rule = alarm.rule
            points = self.metrics.read(alarm.series, minute - rule.reach - rule.period, minute)
            seen = windows(rule, points, minute)
            was_warm = alarm.warm
            if alarm.warming_up(minute, fills_its_window(rule, seen)):
                continue
            if not was_warm:
                self.keep(alarm)
            verdict = judge(rule, seen)
            if verdict.state is not None and verdict.state != alarm.state:
                data = wording.reason_data(rule, verdict, minute)
                self.move(alarm, verdict.state, wording.reason(rule, verdict), data, minute)

    def move(self, alarm: Alarm, state: str, reason: str, data: str, now: float) -> None:
        """Change the state.

        Actions belong to the transition: none while a state lasts, none when it is set to the same.
        """
        before = {"stateValue": alarm.state, "stateReason": alarm.reason}
        changed = state != alarm.state
        alarm.reason, alarm.reason_data, alarm.updated = reason, data, now
        if changed:
            alarm.state, alarm.transitioned = str(state), now
            after: dict[str, Any] = {"stateValue": alarm.state, "stateReason": reason}
            if data:
                after["stateReasonData"] = json.loads(data)
            summary = f"Alarm updated from {before['stateValue']} to {alarm.state}"
            self.note(alarm, "StateUpdate", summary, {"oldState": before, "newState": after}, now)
            log.info("alarm %s: %s", alarm.name, summary)
        self.keep(alarm)
        if changed and alarm.acts:
            for arn in alarm.actions_for(alarm.state):
                self._run(alarm, arn, now)

    def _run(self, alarm: Alarm, arn: str, now: float) -> None:
        error = self.act(arn, alarm)
        data = {
            "actionState": "Failed" if error else "Succeeded",
            "stateUpdateTimestamp": int(alarm.updated * 1000),
            "notificationResource": arn,
            "error": error,
        }
        words = "Failed to execute" if error else "Successfully executed"
        self.note(alarm, "Action", f"{words} action {arn}", data, now)

    def note(self, alarm: Alarm, kind: str, summary: str, data: dict[str, Any], now: float) -> None:
        body = json.dumps({"version": "1.0", **data})
        self.database.execute(
            "INSERT INTO history (alarm, at, kind, summary, data) VALUES (?, ?, ?, ?, ?)",
            (alarm.name, now, kind, summary, body),
        )

    def prune(self, now: float) -> None:
        self.database.execute("DELETE FROM history WHERE at < ?", (now - HISTORY_KEPT,))
