"""DescribeAlarmHistory, which shows that an alarm has stopped a machine. moto answers 500 here."""

from moto.core.responses import ActionResult

from localcloud.clock import moment, seconds_of
from localcloud.pages import cut
from localcloud.service import Service


class History(Service):
    def describe_alarm_history(self) -> ActionResult:
        """Return the history, newest first unless asked otherwise; of deleted alarms too."""
        newest_first = (self._get_param("ScanBy") or "TimestampDescending") == "TimestampDescending"
        conditions, values = self._conditions()
        direction = "DESC" if newest_first else "ASC"
        rows = self.cloud.database.execute(
            "SELECT alarm, at, kind, summary, data FROM history"  # noqa: S608 - the conditions are ours
            f" WHERE {' AND '.join(conditions)} ORDER BY at {direction}, id {direction}",
            tuple(values),
        )
        shown, token = cut(rows, int(self._get_param("MaxRecords") or 100), self._get_param("NextToken"))
        items = [
            {
                "AlarmName": alarm,
                "AlarmType": "MetricAlarm",
                "Timestamp": moment(at),
                "HistoryItemType": kind,
                "HistorySummary": summary,
                "HistoryData": data,
            }
            for alarm, at, kind, summary, data in shown
        ]
        return ActionResult({"AlarmHistoryItems": items, "NextToken": token})

    def _conditions(self) -> tuple[list[str], list[object]]:
        conditions: list[str] = ["at <= ?"]
        values: list[object] = [self.cloud.clock.now() + 60]
        for parameter, condition in (("AlarmName", "alarm = ?"), ("HistoryItemType", "kind = ?")):
            if self._get_param(parameter):
                conditions.append(condition)
                values.append(self._get_param(parameter))
        for parameter, condition in (("StartDate", "at >= ?"), ("EndDate", "at <= ?")):
            if self._get_param(parameter):
                conditions.append(condition)
                values.append(seconds_of(self._get_param(parameter)))
        return conditions, values
