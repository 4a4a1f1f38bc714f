"""Find out from AWS's history why a machine has stopped that nobody here has stopped."""

import logging

from ondol.autostop.samples import last_work_of
from ondol.cloud.errors import CloudError, Throttled, Unreachable
from ondol.cloud.port import AlarmStop, Cloud
from ondol.instances.models import Instance
from ondol.instances.record import Receipt
from ondol.instances.states import Reason
from ondol.policy.threshold import Threshold

log = logging.getLogger(__name__)

_ASK_WHY = 5
"""Tries, with back-off: half a minute in all."""


def why_stopped(instance: Instance, cloud: Cloud) -> tuple[Reason, AlarmStop | None]:
    """Tell an idle stop from one in the console by the alarm's own history: EC2's reason looks the same."""
    if instance.seen_reason == "Client.InstanceInitiatedShutdown":
        return Reason.INSIDE, None
    if not (instance.alarm_name and instance.run.launched_at):
        return Reason.OUTSIDE, None
    try:
        stop = cloud.stopped_by_alarm(instance.alarm_name, instance.run.launched_at)
        # The previous alarm may have acted just before it was deleted; its history stays.
        stop = stop or cloud.stopped_by_alarm(instance.other_alarm_name, instance.run.launched_at)
    except CloudError as error:
        if isinstance(error, Throttled | Unreachable) and instance.tries < _ASK_WHY:
            raise
        # That it stopped matters more than why.
        log.warning("the alarm's history cannot be read", extra={"row": str(instance.pk), "code": error.code})
        stop = None
    is_idle = stop or instance.status_reason == Reason.IDLE  # its alarm fired, and could not stop it
    return (Reason.IDLE if is_idle else Reason.OUTSIDE), stop


def receipt_of(instance: Instance, stop: AlarmStop) -> Receipt:
    """Return the values that the alarm has judged, its threshold, and what the machine did last."""
    percent = instance.run.armed_cpu_percent if stop.cpu_percent is None else stop.cpu_percent
    core = Threshold.armed(percent, instance.size.instance_type).core_percent
    cpu = tuple(round(value, 4) for value in stop.cpu)
    return Receipt(cpu, instance.run.armed_idle_minutes, percent, core, last_work_of(instance))
