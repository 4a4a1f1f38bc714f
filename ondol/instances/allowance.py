"""How often somebody may start, create and change the type of their machine in 24 hours, counted from the record.

Only what its owner asked for counts, and only if it succeeded: a start that AWS refused, or a machine that could not be
created, does not count. What an administrator asks for does not count either, but is refused once nothing is left: the
administrator can then change the rule.
"""

import math
from collections.abc import Iterable
from datetime import datetime, timedelta
from uuid import UUID

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from ondol import clock, dates
from ondol.accounts.models import User
from ondol.instances.errors import ActionError
from ondol.instances.models import StatusChange
from ondol.instances.states import Reason, Status
from ondol.policy.rules import rules_of
from ondol.whom_to_ask import ask

DAY = timedelta(hours=24)


def require_start_left(user: User) -> None:
    """Raise ActionError (429) if somebody has started their machine as often as they may."""
    most = rules_of(user.pk).starts_a_day
    used = wished(_lines(user), Status.STARTING, Status.STOPPED)
    _require_left("too_many_starts", used, most, _("You may not start a machine."), _started(most, len(used)))


def require_creation_left(user: User) -> None:
    """Raise ActionError (429) if somebody has asked for as many new machines as they may."""
    most = rules_of(user.pk).creations_a_day
    used = wished(_lines(user), Status.PENDING, Status.FAILED)
    _require_left("too_many_creations", used, most, _("You may not create a machine."), _created(most, len(used)))


def require_type_change_left(user: User) -> None:
    """Raise ActionError (429) if the type of somebody's machine has changed as often as it may."""
    most = rules_of(user.pk).type_changes_a_day
    used = type_changes([*_last_before(user), *_lines(user)])
    _require_left("too_many_type_changes", used, most, _("You may not change the type."), _changed(most, len(used)))


def wished(lines: Iterable[StatusChange], wish: Status, in_vain: Status) -> list[datetime]:
    """Return when its owner has asked for `wish`, the oldest first, without requests that ended in `in_vain`."""
    times: list[datetime] = []
    is_open = False
    for line in lines:
        if line.new == wish and line.old != wish:
            is_open = line.reason == Reason.PERSON and line.by_id == line.instance.owner_id
            times += [line.at] if is_open else []
        elif line.new != line.old:
            if is_open and line.old == wish and line.new == in_vain and line.reason in _IN_VAIN:
                times.pop()
            is_open = False
    return times


_IN_VAIN = {
    Reason.NO_CAPACITY, Reason.QUOTA, Reason.REFUSED, Reason.TOO_LATE, Reason.START_UNDONE, Reason.LAUNCH_FAILED,
    Reason.UNKNOWN_MACHINE,
}  # fmt: skip
"""Reasons for which a request does not count: AWS or Ondol failed. A start that its owner stops again does count."""


def type_changes(lines: Iterable[StatusChange]) -> list[datetime]:
    """Return when AWS has given a machine another type, the oldest first."""
    times: list[datetime] = []
    last: dict[UUID, str] = {}
    for line in lines:
        size = line.record.size
        before = last.get(line.instance_id)
        if size and line.reason == Reason.RESIZED and before and size.instance_type != before:
            times.append(line.at)
        if size:
            last[line.instance_id] = size.instance_type
    return times


def _lines(user: User) -> list[StatusChange]:
    found = StatusChange.objects.filter(instance__owner=user, at__gt=clock.now() - DAY)
    return list(found.select_related("instance").order_by("at", "pk"))


def _last_before(user: User) -> list[StatusChange]:
    """Return the newest line before these 24 hours that names a type: the one that the machine had until then."""
    found = StatusChange.objects.filter(
        instance__owner=user, at__lte=clock.now() - DAY, detail__has_key="instance_type"
    )
    return list(found.order_by("-at", "-pk")[:1])


def _require_left(code: str, used: list[datetime], most: int, never: str, so_often: str) -> None:
    """Raise ActionError if nothing is left, with the seconds until the oldest is 24 hours old."""
    now = clock.now()
    if len(used) < most:
        return
    if not most:
        raise ActionError(code, never, ask(_("An administrator can change this rule.")), 403)
    again = used[-most] + DAY
    seconds = max(1, math.ceil((again - now).total_seconds() / max(clock.clock().speed, 1.0)))
    hint = _("It is possible again at %(time)s. An administrator can change this rule.")
    shown = dates.full(again)
    raise ActionError(code, so_often, ask(hint % {"time": shown}), 429, retry_after=seconds)


def _started(most: int, used: int) -> str:
    text = ngettext(
        "In 24 hours a machine may be started %(most)d time, and you have started yours %(used)d times.",
        "In 24 hours a machine may be started %(most)d times, and you have started yours %(used)d times.",
        most,
    )
    return text % {"most": most, "used": used}


def _created(most: int, used: int) -> str:
    text = ngettext(
        "In 24 hours %(most)d machine may be created, and you have asked for %(used)d.",
        "In 24 hours %(most)d machines may be created, and you have asked for %(used)d.",
        most,
    )
    return text % {"most": most, "used": used}


def _changed(most: int, used: int) -> str:
    text = ngettext(
        "In 24 hours the type may be changed %(most)d time, and yours has changed %(used)d times.",
        "In 24 hours the type may be changed %(most)d times, and yours has changed %(used)d times.",
        most,
    )
    return text % {"most": most, "used": used}
