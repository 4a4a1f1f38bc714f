"""The alarms of machines, with two names in turn: the next one is put before the last one is deleted.

Why: docs/decisions/0017.
"""

import logging
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

from django.db.models import Q

from ondol import clock
from ondol.autostop import alarm
from ondol.autostop.alarm import Armed
from ondol.cloud.errors import Quota
from ondol.cloud.port import Alarm, Cloud
from ondol.deployment import warm_ups
from ondol.deployment.warm_ups import WarmUps
from ondol.instances.actions import stop_by_rule
from ondol.instances.models import Instance, Run
from ondol.instances.observation import View
from ondol.instances.states import Reason
from ondol.policy.rules import rules_for
from ondol.reconciler.tags import tags

log = logging.getLogger(__name__)

SHOWN_AFTER = timedelta(minutes=1)
"""DescribeAlarms may lag behind PutMetricAlarm (real time)."""
_FEW = 50
"""Up to so many machines, alarms are listed by name, in one call."""
STOPPED_AGAIN = timedelta(hours=1)
"""A stop that AWS has refused is asked for again after this time, while the machine stays idle."""
SHOWN_AGAIN = timedelta(minutes=1)
"""Real time between two notes that an alarm is still sound: not every observation writes one."""


def put_next(instance: Instance, cloud: Cloud, *, in_doubt: bool) -> tuple[str, Armed]:
    """Put the next alarm beside the one that protects the machine now; return its name and what to record of the run.

    `in_doubt`: an earlier PutMetricAlarm may have succeeded without a recorded answer.
    """
    name, run = _free_name(instance, cloud, in_doubt=in_doubt), instance.run
    put = partial(alarm.arm, instance, cloud=cloud, tags=tags(instance))
    try:
        return name, put(name)
    except Quota:  # the account has no room for two
        can_do_without = instance.seen_view == View.STOPPED or run.muted_until is not None
        if not can_do_without and not (instance.alarm_name and alarm.is_held_longer(run)):
            raise
    if can_do_without:
        cloud.delete_alarm(*instance.alarm_names)
        return name, put(name)
    # The present alarm would stop a machine that is to be kept on: mute it until that is over.
    return instance.alarm_name, put(instance.alarm_name, is_muted=True)


def _free_name(instance: Instance, cloud: Cloud, *, in_doubt: bool) -> str:
    """Return an unused name for the next alarm: an alarm that is put under a used name keeps its old state."""
    name = instance.other_alarm_name
    if in_doubt:
        shown = [found.name for found in cloud.alarms(instance.alarm_names)]
        if shown == [name]:  # the other one was deleted in the console: this is the only alarm
            name = instance.alarm_name or instance.alarm_names[1]
    if in_doubt or not instance.alarm_name:
        cloud.delete_alarm(name)
    return name


def shown(pks: Collection[UUID], cloud: Cloud) -> dict[str, Alarm]:
    """Return the alarms of these machines, by name; for many machines, by listing all alarms: half the calls."""
    names = None
    if len(pks) <= _FEW:
        names = [name for row in Instance.objects.filter(pk__in=pks) for name in row.alarm_names]
    return {found.name: found for found in cloud.alarms(names)}


def check(rows: list[Instance], shown: Mapping[str, Alarm], now: datetime) -> list[Instance]:
    """Compare the alarms of these machines with what was `shown` since `now`; return the machines that need a job.

    An alarm that somebody deleted or changed is replaced, and one that was replaced and is still there is deleted.
    """
    over = [row for row in rows if row.run.muted_until and row.run.muted_until <= now and _is_rearmed(row)]
    are_over = set(over)
    rows = [row for row in rows if row not in are_over and row.run.armed_at and row.run.armed_at <= now]
    if not rows:
        return over
    ignored = _note_warm_ups(rows, shown)
    # One that was put a moment ago may not be shown yet.
    settled = now - clock.real_seconds(SHOWN_AFTER.total_seconds())
    rows = [row for row in rows if row.run.armed_at and row.run.armed_at < settled]
    rules = rules_for({row.owner_id for row in rows})
    right = {row for row in rows if alarm.is_right(row, shown.get(row.alarm_name), rules[row.owner_id])}
    due = Q(alarm_verified_at=None) | Q(alarm_verified_at__lt=now - clock.real_seconds(SHOWN_AGAIN.total_seconds()))
    stopping = [row for row in right if alarm.has_failed(row, shown[row.alarm_name]) and _is_stopped_by_us(row)]
    # Not if the alarm was replaced meanwhile.
    runs = Run.objects.filter(due, pk__in=[row.run_id for row in right], armed_at__lt=settled)
    runs.update(alarm_verified_at=now)
    wrong = [row for row in {*rows, *ignored} if row not in right and _is_rearmed(row)]
    doubled = [row for row in rows if row.other_alarm_name in shown and _is_dropped(row)]
    return [*over, *wrong, *doubled, *stopping]


def _note_warm_ups(rows: list[Instance], shown: Mapping[str, Alarm]) -> list[Instance]:
    """Note what the newest alarm shows about warm-ups; return the machines whose alarms have lost theirs."""
    by = {row: alarm.warm_ups_by(row, shown[row.alarm_name]) for row in rows if row.alarm_name in shown}
    told = [(row.run.armed_at, state) for row, state in by.items() if row.run.armed_at and state]
    if told:
        at, state = max(told)
        warm_ups.note(state, at)
    return [row for row, state in by.items() if state is WarmUps.IGNORED]


def _is_stopped_by_us(row: Instance) -> bool:
    """Stop the machine ourselves, since its alarm did not; False if that does not apply any more.

    If AWS refuses us as well, we do not ask all the time: AWS has said why, and administrators are told.
    """

    def still(same: Instance) -> bool:
        run = same.run
        is_refused = same.status_reason == Reason.STOP_FAILED and clock.now() - same.status_since < STOPPED_AGAIN
        return run.pk == row.run_id and run.armed_at == row.run.armed_at and not (run.needs_rearm or is_refused)

    is_stopping = stop_by_rule(row.owner, Reason.IDLE, still)
    if is_stopping:
        log.error("its alarm fired and did not stop it", extra={"row": str(row.pk), "instance_id": row.instance_id})
    return is_stopping


def _is_rearmed(row: Instance) -> bool:
    """Have the alarm put again; False if it has been meanwhile."""
    log.warning("auto-stop is not as it should be; arming it again", extra={"row": str(row.pk)})
    same = Run.objects.filter(pk=row.run_id, armed_at=row.run.armed_at)
    return bool(same.update(armed_at=None, alarm_verified_at=None))


def _is_dropped(row: Instance) -> bool:
    """Have the other alarm deleted; False if the row knows of it, or has swapped the two meanwhile."""
    same = Instance.objects.filter(pk=row.pk, alarm_name=row.alarm_name, has_other_alarm=False)
    return bool(same.update(has_other_alarm=True))
