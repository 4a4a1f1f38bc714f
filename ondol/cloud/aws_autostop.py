"""Amazon's auto-stop behind the port: alarms, their history, and what machines did."""

from collections.abc import Collection, Mapping
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from ondol.cloud import aws_shapes as shapes
from ondol.cloud.aws_calls import Clients, ask, chunks, each, every
from ondol.cloud.aws_errors import NOT_TAKEN
from ondol.cloud.errors import Gone, Invalid, Refused
from ondol.cloud.port import NAME_PREFIX, Alarm, AlarmStop, IdleRule, Reading, mark
from ondol.config import Config

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient

_ALARM_NAMES, _METRICS = 100, 500
"""The most that one call takes."""


class AutoStop:
    """The part of `ondol.cloud.port.Cloud` that is CloudWatch's."""

    _config: Config
    _deployment: str
    _client: Clients

    def arm(
        self,
        name: str,
        instance_id: str,
        rule: IdleRule,
        warm_up_minutes: int,
        tags: Mapping[str, str],
        *,
        is_muted: bool = False,
    ) -> None:
        put = partial(
            self._cloudwatch.put_metric_alarm,
            AlarmDescription=f"{shapes.signature(self._deployment)} stops {instance_id} when it is idle",
            Tags=shapes.tag_list(self._tags(tags)),
            **shapes.put_alarm(name, instance_id, rule, shapes.stop_action(self._config.region), is_muted=is_muted),
            **shapes.warm_up(warm_up_minutes),
        )
        try:
            ask(put)
        except Refused as error:
            if error.code in NOT_TAKEN:
                raise Invalid(error.code, error.text) from None
            raise

    def alarms(self, names: Collection[str] | None = None) -> list[Alarm]:
        # Others may have thousands of alarms in this account: only those with our names are listed.
        wanted: list[dict[str, Any]] = [{"AlarmNamePrefix": NAME_PREFIX}]
        if names is not None:
            wanted = [{"AlarmNames": some} for some in chunks(names, _ALARM_NAMES)]
        return [
            shapes.alarm(shown, shapes.stop_action(self._config.region))
            for which in wanted
            for shown in each(
                self._cloudwatch, "describe_alarms", "MetricAlarms", _ALARM_NAMES, AlarmTypes=["MetricAlarm"], **which
            )
            if shown.get("AlarmDescription", "").startswith(shapes.signature(self._deployment))
        ]

    def delete_alarm(self, *names: str) -> None:
        with suppress(Gone):
            ask(self._cloudwatch.delete_alarms, AlarmNames=list(names))

    def stopped_by_alarm(self, name: str, since: datetime) -> AlarmStop | None:
        history = every(
            self._cloudwatch, "describe_alarm_history", "AlarmHistoryItems", AlarmName=name, StartDate=since
        )
        return shapes.last_stop(history, shapes.stop_action(self._config.region), since)

    def readings(
        self, instance_ids: Collection[str], since: datetime, until: datetime, burstable: Collection[str] = ()
    ) -> dict[str, list[Reading]]:
        found: dict[str, dict[str, dict[datetime, float]]] = {}
        for some in chunks(instance_ids, _METRICS // len(shapes.METRICS)):
            wanted = [
                (instance_id, metric)
                for instance_id in some
                for metric in shapes.METRICS
                if metric != shapes.CREDITS or instance_id in burstable
            ]
            asked = {f"m{number}": what for number, what in enumerate(wanted)}
            queries = [shapes.metric_query(name, *what) for name, what in asked.items()]
            answers = every(
                self._cloudwatch, "get_metric_data", "MetricDataResults",
                MetricDataQueries=queries, StartTime=since, EndTime=until, ScanBy="TimestampAscending",
            )  # fmt: skip
            for answer in answers:
                instance_id, metric = asked[answer["Id"]]
                found.setdefault(instance_id, {}).setdefault(metric, {}).update(shapes.values(answer))
        told = {instance_id: shapes.readings(some) for instance_id, some in found.items()}
        return {instance_id: some for instance_id, some in told.items() if some}

    def _tag_alarms(self, names: Collection[str], tags: list[Any]) -> None:
        for some in chunks(names, _ALARM_NAMES):
            for shown in every(self._cloudwatch, "describe_alarms", "MetricAlarms", AlarmNames=some):
                ask(self._cloudwatch.tag_resource, ResourceARN=shown["AlarmArn"], Tags=tags)

    def _tags(self, tags: Mapping[str, str]) -> dict[str, str]:
        return {**tags, **mark(self._deployment)}

    @property
    def _cloudwatch(self) -> "CloudWatchClient":
        return cast("CloudWatchClient", self._client("cloudwatch"))
