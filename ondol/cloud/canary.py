"""An alarm that is put only to test CloudWatch: it watches no machine, has no action, and is deleted."""

import time
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from ondol.cloud import aws_shapes as shapes
from ondol.cloud.aws_autostop import AutoStop
from ondol.cloud.aws_calls import ask
from ondol.cloud.aws_errors import NOT_TAKEN
from ondol.cloud.errors import Refused
from ondol.cloud.port import IdleRule
from ondol.cloud.tags import tags_of

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient

DOCTOR = "ondol-doctor"
"""A name that none of our resources has: they are named by their row."""
_NOBODY = "i-00000000000000000"
_MINUTES = 40
_LOOKS = 3
"""How often, once a second, the alarm is looked for: DescribeAlarms may lag behind PutMetricAlarm."""


class Shown(StrEnum):
    """What DescribeAlarms shows of an alarm that was put with a warm-up."""

    KEPT = "kept"
    IGNORED = "ignored"
    REFUSED = "refused"
    NOTHING = "nothing"
    """The alarm itself is not shown."""


class Canary(AutoStop):
    """Tries PutMetricAlarm, which has no dry run."""

    def _tried_tags(self) -> dict[str, str]:
        """Return tags with the same keys as on all our resources: an account may require some of them."""
        return self._tags(tags_of(self._config, name=DOCTOR, user_id=DOCTOR, row=DOCTOR))

    def canary(self) -> Shown:
        """Put an alarm without actions, read its warm-up back, and delete it. May raise any CloudError.

        Its name is always the same, so one left by a killed check-up is deleted by the next. Its description differs
        from that of our alarms, so no sweep takes it for one.
        """
        name = f"{DOCTOR}-{self._deployment[:8] or 'none'}"
        self.delete_alarm(name)
        try:
            return self._shown(name)
        finally:
            self.delete_alarm(name)

    def _shown(self, name: str) -> Shown:
        cloudwatch: CloudWatchClient = self._cloudwatch
        request: Any = shapes.put_alarm(name, _NOBODY, IdleRule(30, 5.0), "", is_muted=True) | shapes.warm_up(_MINUTES)
        del request["AlarmActions"]
        request["Tags"] = shapes.tag_list(self._tried_tags())
        try:
            ask(cloudwatch.put_metric_alarm, AlarmDescription="A check-up of Ondol, deleted at once", **request)
        except Refused as error:
            if error.code in NOT_TAKEN:
                return Shown.REFUSED
            raise
        for look in range(_LOOKS):
            time.sleep(min(look, 1))  # noqa: TID251  a check-up is made by whoever waits for it, or by a job
            for shown in ask(cloudwatch.describe_alarms, AlarmNames=[name])["MetricAlarms"]:
                is_kept = shown.get("WarmUpConfiguration", {}).get("WarmUpPeriodDurationInMinutes") == _MINUTES
                return Shown.KEPT if is_kept else Shown.IGNORED
        return Shown.NOTHING
