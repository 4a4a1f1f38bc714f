"""The time of the next stop, in words, for any page of its owner."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from math import floor

from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _

from ondol.autostop.outlook import Outlook, outlook
from ondol.instances import actions
from ondol.instances.models import Instance
from ondol.policy.rules import Rules, rules_of
from ondol.web import times
from ondol.web.templatetags.ondol import duration

_IN_MINUTES = timedelta(minutes=100)
_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class StopNotice:
    """A notice about the stop of the reader's machine."""

    outlook: Outlook
    when: str
    """The time, such as `in about 25–35 minutes (14:20–14:30 KST)`."""
    may_keep_awake: bool
    awake_until: datetime | None = None
    """Until when its owner keeps it awake; None if they do not."""

    @property
    def minutes(self) -> int:
        """Return the minutes until then, at least."""
        return floor((self.outlook.left or timedelta()) / _MINUTE)


def stop_notice_of(request: HttpRequest) -> StopNotice | None:
    """Return the notice for the reader, found once for each request; None while nothing runs."""
    if not hasattr(request, "_stop_notice"):
        request._stop_notice = _find(request)  # type: ignore[attr-defined]
    found: StopNotice | None = request._stop_notice  # type: ignore[attr-defined]
    return found


def stop_notice_on(row: Instance, rules: Rules) -> StopNotice | None:
    """Return the notice about this machine; None while it does not run."""
    seen = outlook(row, rules)
    if seen is None:
        return None
    return StopNotice(seen, _when(seen), rules.awake_hours > 0, row.kept_awake_until(seen.now))


def _find(request: HttpRequest) -> StopNotice | None:
    user = request.user
    if not user.is_authenticated or not user.is_approved:
        return None
    row = actions.current(user)
    rules = rules_of(user.pk)
    return stop_notice_on(row, rules) if row else None


def _when(seen: Outlook) -> str:
    if seen.is_closing_first and seen.closing:
        return about(seen.closing.stops_at, seen.closing.stops_at + 2 * _MINUTE, seen.now)
    return about(seen.idle.earliest, seen.idle.latest, seen.now) if seen.idle else ""


def _minute(at: datetime) -> datetime:
    return at.replace(second=0, microsecond=0)


def about(earliest: datetime, latest: datetime, now: datetime) -> str:
    """Return a range of future times, in minutes and on the clock."""
    clock = f"{times.span(earliest, latest)}\u00a0{timezone.localtime(latest):%Z}"
    if earliest - now < _IN_MINUTES:
        low = floor((earliest - now) / _MINUTE)
        # As wide as the range on the clock beside it, so that both agree.
        high = low + round((_minute(latest) - _minute(earliest)) / _MINUTE)
        low, high = max(low, 0), max(high, 0)
        return _("in about %(low)s–%(high)s minutes (%(clock)s)") % {"low": low, "high": high, "clock": clock}
    return _("in about %(time)s (%(clock)s)") % {"time": duration(earliest - now), "clock": clock}
