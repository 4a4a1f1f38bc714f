"""Putting a stop off: keep awake, and "not tonight". The wish is stored on the run; the worker changes the alarm."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _

from ondol import clock
from ondol.accounts.models import User
from ondol.audit.record import Action, refusals_of, write
from ondol.autostop import schedule
from ondol.autostop.forecast import MIN_NOTICE
from ondol.instances import actions, admin_letters
from ondol.instances.errors import ActionError
from ondol.instances.models import Instance
from ondol.instances.states import RUNS_OR_WILL, Status
from ondol.policy.rules import Rules, rules_of

_EVENING, _MORNING = time(18), time(9)


@dataclass(frozen=True, slots=True)
class Choice:
    """One of the times that a page offers."""

    name: str
    """`1h`, `4h`, `18`, `9`."""
    until: datetime


def choices(rules: Rules, now: datetime) -> list[Choice]:
    """Return what somebody may choose from: not times that are over, or beyond the cap."""
    today, hour = timezone.localdate(now), now + timedelta(hours=1)
    morning = _wall(today, _MORNING)
    if morning <= hour:  # else it is after midnight, and people mean this morning
        morning = _wall(today + timedelta(days=1), _MORNING)
    wall = [Choice("18", _wall(today, _EVENING)), Choice("9", morning)]
    offered = [
        Choice("1h", hour),
        Choice("4h", now + timedelta(hours=4)),
        *sorted(wall, key=lambda choice: choice.until),
    ]
    return [choice for choice in offered if now < choice.until <= now + timedelta(hours=rules.awake_hours)]


def _wall(day: date, at: time) -> datetime:
    return timezone.make_aware(datetime.combine(day, at))


@refusals_of(Action.MACHINE_AWAKE)
def choose(user: User, name: str) -> Instance:
    """Keep awake until one of the times that the page offered."""
    offered = {choice.name: choice.until for choice in choices(rules_of(user.pk), clock.now())}
    if name not in offered:
        raise ActionError("not_offered", _("This time can no longer be chosen."), _("Choose another one."), 422)
    return keep_awake(user, offered[name])


@refusals_of(Action.MACHINE_AWAKE)
def keep_awake(user: User, until: datetime, *, by: User | None = None) -> Instance:
    """Do not stop this person's machine for idling before `until`, which has a zone; replaces an earlier wish. `by` is
    an administrator who asks for them."""
    with actions.wish_of(user, by=by) as instance:
        _require_run(instance)
        now, hours = clock.now(), require_allowed(user)
        if until <= now:
            raise ActionError("in_the_past", _("This time has already passed."), _("Choose a later one."), 422)
        if until > now + timedelta(hours=hours):
            raise ActionError(
                "too_long",
                _("A machine can be kept awake for at most %(hours)d hours at a time.") % {"hours": hours},
                _("Choose an earlier time. You can ask again later."),
                422,
            )
        instance.run.awake_until = until
        instance.run.save(update_fields=["awake_until"])
        _tell(Action.MACHINE_AWAKE, user, instance, by, until=until.isoformat())
        admin_letters.tell_later(Action.MACHINE_AWAKE, user, by or user)
    return instance


def require_allowed(user: User) -> int:
    """Return the cap, in hours; raise ActionError (403) if keeping awake is not permitted."""
    hours = rules_of(user.pk).awake_hours
    if not hours:
        raise ActionError("not_allowed", _("An administrator has not allowed keeping machines awake."), "", 403)
    return hours


@refusals_of(Action.MACHINE_AWAKE)
def end_awake(user: User) -> Instance:
    """Stop it for idling again, though not within the next 15 minutes. It may run twice."""
    with actions.wish_of(user) as instance:
        run = instance.run
        before, run.awake_until = run.awake_until, None
        _let_be(instance, before)
        run.save(update_fields=["awake_until"])
        _tell(Action.MACHINE_AWAKE, user, instance)
    return instance


@refusals_of(Action.MACHINE_HOURS)
def not_tonight(user: User) -> Instance:
    """Let it run on after the next closing time."""
    with actions.wish_of(user) as instance:
        _require_run(instance)
        close = schedule.closing(instance, rules_of(user.pk).hours, clock.now())
        if close is None:
            raise ActionError("no_hours", _("Your machine has no closing time."))
        instance.run.waived_close = close.at
        instance.run.save(update_fields=["waived_close"])
        _tell(Action.MACHINE_HOURS, user, instance, waived=close.at.isoformat())
    return instance


@refusals_of(Action.MACHINE_HOURS)
def tonight_after_all(user: User) -> Instance:
    """Stop it at the closing time, as usual; if that is over, in 15 minutes. It may run twice."""
    with actions.wish_of(user) as instance:
        instance.run.waived_close = None
        _let_be(instance, instance.run.awake_until)
        instance.run.save(update_fields=["waived_close", "awake_until"])
        _tell(Action.MACHINE_HOURS, user, instance)
    return instance


def _let_be(instance: Instance, before: datetime | None) -> None:
    """Keep awake for 15 minutes if the hours are over already, so that the click does not stop the machine at once. A
    second click does not prolong the wish of `before`."""
    now, runs = clock.now(), Status(instance.status) in RUNS_OR_WILL
    if runs and schedule.is_due(instance, rules_of(instance.owner_id).hours, now):
        instance.run.awake_until = min(now + MIN_NOTICE, before) if before and before > now else now + MIN_NOTICE


def _tell(action: Action, user: User, instance: Instance, by: User | None = None, **details: Any) -> None:
    write(action, by=by or user, on=user, machine=str(instance.pk), **details)


def _require_run(instance: Instance) -> None:
    if Status(instance.status) not in RUNS_OR_WILL:
        raise ActionError("not_running", _("Your machine is not running."), _("Start it first."))
