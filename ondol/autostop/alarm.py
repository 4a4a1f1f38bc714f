"""The idle alarm of a run: how it is put so that it always fires and never fires early, and whether it is still right.

Why it is replaced at each start, with a warm-up: docs/decisions/0001.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from ondol import clock
from ondol.autostop.forecast import MIN_NOTICE, warm_up
from ondol.cloud.port import Alarm, Cloud, IdleRule
from ondol.instances.lifecycle import Status, View
from ondol.instances.models import Instance
from ondol.policy.rules import Rules, rules_of
from ondol.policy.threshold import cpu_percent


def arm(instance: Instance, name: str, cloud: Cloud, tags: Mapping[str, str]) -> dict[str, Any]:
    """Put an idle alarm for this run, by the rule, wish and lease; return what to record of the run."""
    rules = rules_of(instance.owner_id)
    # Taken before the call: the warm-up then ends no earlier than we say.
    armed_at = clock.now()
    run = instance.run
    run_since = run.launched_at if instance.status == Status.RUNNING else None
    # A lease that is taken back has left more time already: see `work.NOTICE`.
    is_lease_only = run.armed_at is not None and run.armed_awake_until == run.awake_until and run.needs_lease
    notice = timedelta(minutes=1) if is_lease_only else MIN_NOTICE
    minutes = warm_up(armed_at, run_since or armed_at, rules.idle_minutes, run.held_until, notice)
    rule = _idle_rule(rules, instance)
    cloud.arm(name, str(instance.instance_id), rule, minutes, tags)
    return {
        "armed_at": armed_at,
        "warm_up_minutes": minutes,
        "armed_idle_minutes": rule.minutes,
        "armed_cpu_percent": rule.cpu_percent,
        "armed_awake_until": run.awake_until,
        "armed_lease_until": run.lease_until,
        "alarm_verified_at": None,
    }


def is_by_rule(instance: Instance, armed: Mapping[str, Any]) -> bool:
    """Return whether an alarm was put by the rule that applies now."""
    rules = rules_of(instance.owner_id)
    return _idle_rule(rules, instance) == IdleRule(armed["armed_idle_minutes"], armed["armed_cpu_percent"])


def is_right(row: Instance, alarm: Alarm | None, rules: Rules) -> bool:
    """Return whether this alarm is the one that was put for this run, by the rules that apply to its owner."""
    if alarm is None or not alarm.is_sound or alarm.instance_id != row.instance_id:
        return False
    recorded = IdleRule(row.run.armed_idle_minutes, row.run.armed_cpu_percent)
    if not alarm.rule == recorded == _idle_rule(rules, row):
        return False
    # One that is over may not be shown any more; while the machine is kept on, it is what keeps it.
    is_kept = row.run.held_until is not None and row.run.held_until > clock.now()
    if alarm.warm_up_minutes != row.run.warm_up_minutes and (alarm.warm_up_minutes or is_kept):
        return False
    # It acts on a transition only: one that is in ALARM while its machine runs has tried, and will not again.
    return not (alarm.state == "ALARM" and row.seen_view == View.RUNNING)


def _idle_rule(rules: Rules, row: Instance) -> IdleRule:
    """Return the rule of an alarm for the type that the machine has in AWS."""
    return IdleRule(rules.idle_minutes, cpu_percent(rules.idle_core_percent, row.size.instance_type))
