"""The idle alarm of a run: put so that it always fires and never fires early; and whether it is still right.

Why each run has a new one, with a warm-up: docs/decisions/0001. Where AWS keeps no warm-ups: 0017.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from ondol import clock
from ondol.autostop import idle_rule
from ondol.autostop.forecast import MIN_NOTICE, warm_up
from ondol.cloud.errors import Invalid
from ondol.cloud.port import Alarm, Cloud, IdleRule
from ondol.deployment import warm_ups
from ondol.deployment.warm_ups import WarmUps
from ondol.instances.models import Instance, Run
from ondol.instances.observation import View
from ondol.instances.states import Status
from ondol.policy.rules import Rules, rules_of

_STOPS_WITHIN = timedelta(minutes=1)
"""Real time: EC2 shows by then that a machine is stopping."""
_PUT_WITHIN = timedelta(minutes=1)
"""Real time: an alarm configured at a time further from our call was put earlier, or changed by somebody else."""


@dataclass(frozen=True, slots=True)
class Armed:
    """The alarm that was put for a run, by the fields of `Run`."""

    armed_at: datetime | None
    """None: it is to be put again."""
    warm_up_minutes: int
    muted_until: datetime | None
    armed_idle_minutes: int
    armed_cpu_percent: float
    armed_awake_until: datetime | None
    armed_lease_until: datetime | None
    alarm_verified_at: datetime | None = None


def arm(instance: Instance, name: str, cloud: Cloud, tags: Mapping[str, str], *, is_muted: bool = False) -> Armed:
    """Put an idle alarm for this run, by the rule, wish and lease; return what to record of the run.

    `is_muted`: its actions are disabled for as long as its warm-up would last.
    """
    rules = rules_of(instance.owner_id)
    # Taken before the call: the warm-up then ends no earlier than we say.
    armed_at = clock.now()
    run = instance.run
    rule = IdleRule(*idle_rule.wanted(rules, instance))
    run_since = run.launched_at if instance.status == Status.RUNNING else None
    # A lease that is taken back has left `work.NOTICE` already, so a minute is enough.
    is_lease_only = run.armed_at is not None and run.armed_awake_until == run.awake_until and run.needs_lease
    notice = timedelta(minutes=1) if is_lease_only else MIN_NOTICE
    minutes = warm_up(armed_at, run_since or armed_at, rules.idle_minutes, run.held_until, notice)
    if _is_mute_over(run, rule, armed_at):
        minutes = 0
    put = _Put(instance, name, cloud, rule, tags)
    is_muted = put.muted() if is_muted else put.put(minutes, armed_at)
    return Armed(
        armed_at=armed_at,
        warm_up_minutes=minutes,
        muted_until=armed_at + timedelta(minutes=minutes) if is_muted else None,
        armed_idle_minutes=rule.minutes,
        armed_cpu_percent=rule.cpu_percent,
        armed_awake_until=run.awake_until,
        armed_lease_until=run.lease_until,
    )


@dataclass(frozen=True, slots=True)
class _Put:
    """One alarm, put with a warm-up or muted, as AWS accepts here."""

    instance: Instance
    name: str
    cloud: Cloud
    rule: IdleRule
    tags: Mapping[str, str]

    def put(self, minutes: int, at: datetime) -> bool:
        """Put it so that it does not act for `minutes`; return whether it is muted, because AWS keeps no warm-up."""
        known = warm_ups.known(at)
        if not minutes:  # by now, it judges datapoints of this run only
            self._ask(0, is_muted=False)
            return False
        if known is WarmUps.REFUSED:
            return self.muted()
        try:
            self._ask(minutes, is_muted=known is WarmUps.IGNORED)
        except Invalid:
            self.muted()  # if the warm-up was not the cause, this is refused too
            warm_ups.note(WarmUps.REFUSED, at)
            return True
        return known is WarmUps.IGNORED or not self._is_kept(minutes, at, known)

    def muted(self) -> bool:
        """Put it without a warm-up and with its actions off."""
        self._ask(0, is_muted=True)
        return True

    def _is_kept(self, minutes: int, at: datetime, known: WarmUps) -> bool:
        """Read the warm-up back, and mute the alarm if it has none: within a minute, before it judges."""
        shown = self.cloud.alarms([self.name])
        if any(alarm.warm_up_minutes == minutes for alarm in shown):
            warm_ups.note(WarmUps.KEPT, at)
            return True
        # An alarm that is not shown yet is trusted if the last one kept its warm-up, but not at a start: the idling of
        # the last run would stop the machine at once. The next observation of all alarms decides.
        if not shown and known is WarmUps.KEPT and self.instance.seen_view != View.STOPPED:
            return True
        self._ask(minutes, is_muted=True)
        # Names are used again: what is shown may still be an earlier alarm.
        if any(not alarm.warm_up_minutes and _is_of_put(alarm, at) for alarm in shown):
            warm_ups.note(WarmUps.IGNORED, at)
        return False

    def _ask(self, minutes: int, *, is_muted: bool) -> None:
        instance_id = str(self.instance.instance_id)
        self.cloud.arm(self.name, instance_id, self.rule, minutes, self.tags, is_muted=is_muted)


def is_held_longer(run: Run) -> bool:
    """Return whether its owner or its work keeps the machine on for longer than its alarm waits."""
    return run.held_until is not None and run.held_until > max(_warm_up_ends(run), clock.now())


def _is_mute_over(run: Run, rule: IdleRule, now: datetime) -> bool:
    """Return whether its muted alarm has waited as long as it should, for this rule and wish."""
    is_by_rule = IdleRule(*idle_rule.armed(run)) == rule
    return run.muted_until is not None and run.muted_until <= now and is_by_rule and not run.has_other_wish


def is_by_rule(instance: Instance, armed: Armed) -> bool:
    """Return whether an alarm was put by the rule that applies now."""
    wanted = idle_rule.wanted(rules_of(instance.owner_id), instance)
    return wanted == (armed.armed_idle_minutes, armed.armed_cpu_percent)


def is_right(row: Instance, alarm: Alarm | None, rules: Rules) -> bool:
    """Return whether this alarm is the one that was put for this run, by the rules that apply to its owner."""
    run = row.run
    if alarm is None or not _is_of_run(row, alarm):
        return False
    if alarm.rule != IdleRule(*idle_rule.wanted(rules, row)):
        return False
    if run.muted_until:  # not needed if the warm-up was kept
        return alarm.is_muted and not alarm.warm_up_minutes
    if alarm.is_muted or not _has_warm_up(row, alarm):
        return False
    # It acts on a transition only: if it was in ALARM before it was put, it would never act.
    return not _has_tried(row, alarm) or _has_fired(row, alarm)


def has_failed(row: Instance, alarm: Alarm) -> bool:
    """Return whether a correct alarm has tried to stop the machine and failed: it will not try again."""
    late = clock.real_seconds(_STOPS_WITHIN.total_seconds())
    return _has_tried(row, alarm) and alarm.state_since is not None and clock.now() - alarm.state_since > late


def _has_tried(row: Instance, alarm: Alarm) -> bool:
    return alarm.state == "ALARM" and not alarm.is_muted and row.seen_view == View.RUNNING


def _has_fired(row: Instance, alarm: Alarm) -> bool:
    """Return whether it has changed to ALARM since its warm-up."""
    return alarm.state_since is not None and alarm.state_since >= _warm_up_ends(row.run)


def _is_of_run(row: Instance, alarm: Alarm) -> bool:
    is_as_put = alarm.rule == IdleRule(*idle_rule.armed(row.run))
    return alarm.is_sound and alarm.instance_id == row.instance_id and is_as_put


def _has_warm_up(row: Instance, alarm: Alarm) -> bool:
    """Return whether its warm-up is as it was put. AWS may not show one that is over; one that still keeps the machine
    on must be shown."""
    if alarm.warm_up_minutes == row.run.warm_up_minutes:
        return True
    now = clock.now()
    is_kept = row.run.held_until is not None and row.run.held_until > now
    return not alarm.warm_up_minutes and _warm_up_ends(row.run) <= now and not is_kept


def _is_of_put(alarm: Alarm, at: datetime) -> bool:
    """Return whether its configuration is from our call at that time."""
    within = clock.real_seconds(_PUT_WITHIN.total_seconds())
    return alarm.configured_at is None or abs(alarm.configured_at - at) <= within


def _warm_up_ends(run: Run) -> datetime:
    return (run.armed_at or clock.now()) + timedelta(minutes=run.warm_up_minutes)


def warm_ups_by(row: Instance, alarm: Alarm) -> WarmUps:
    """Return what this alarm shows about warm-ups: IGNORED if it should still have one, and has none."""
    run = row.run
    if not _is_of_run(row, alarm) or not run.armed_at or not run.warm_up_minutes:
        return WarmUps.UNKNOWN
    if alarm.warm_up_minutes == run.warm_up_minutes:
        return WarmUps.KEPT
    is_over = clock.now() >= _warm_up_ends(run)
    is_ignored = not (alarm.warm_up_minutes or is_over or run.muted_until)
    return WarmUps.IGNORED if is_ignored and _is_of_put(alarm, run.armed_at) else WarmUps.UNKNOWN
