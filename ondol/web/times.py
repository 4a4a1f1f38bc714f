"""Times as pages show them: short, with the day where it is needed; zone and full date are in the title."""

import math
from datetime import date, datetime, time, timedelta
from time import time as real_time

from django.utils import formats, timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from ondol import clock, dates


def tagged(value: datetime, text: str) -> SafeString:
    """Return `text` as the element of a time, whose full date and zone show up on hover."""
    return _element(timezone.localtime(value).isoformat(), dates.full(value), text)


def of_today(value: datetime, text: str) -> SafeString:
    """Return the same for a text that is valid until midnight, such as `today 11:17`: `ondol.js` replaces it then."""
    local = timezone.localtime(value)
    is_near = abs((local.date() - _today()).days) <= 1
    return _element(local.isoformat(), dates.full(value), text, _day_ends() if is_near else None)


def short(value: datetime) -> str:
    """Return a time of these days: `today 11:17`, `yesterday 09:00`, `3 Jun, 14:05`; the year where it is another."""
    if timezone.localdate(value) == _today():
        return _("today %(time)s") % {"time": hour(value)}
    return wall(value)


def wall(value: datetime) -> str:
    """Return a time as on a wall clock: `18:00`, `tomorrow 09:00`; today needs no word."""
    day, today = timezone.localdate(value), _today()
    match (day - today).days:
        case 0:
            return hour(value)
        case 1:
            return _("tomorrow %(time)s") % {"time": hour(value)}
        case -1:
            return _("yesterday %(time)s") % {"time": hour(value)}
    is_korean, is_this_year = get_language() == "ko", day.year == today.year
    if is_korean:
        return formats.date_format(timezone.localtime(value), "n월 j일 H:i" if is_this_year else "Y년 n월 j일 H:i")
    return formats.date_format(timezone.localtime(value), "j M, H:i" if is_this_year else "j M Y, H:i")


def heading(day: date) -> str:
    """Return a day above what happened on it: `Today, Wed 3 Jun 2026`."""
    told = formats.date_format(day, "Y년 n월 j일 (D)" if get_language() == "ko" else "D j M Y")
    match (_today() - day).days:
        case 0:
            return _element(day.isoformat(), told, _("Today, %(day)s") % {"day": told}, _day_ends())
        case 1:
            return _element(day.isoformat(), told, _("Yesterday, %(day)s") % {"day": told}, _day_ends())
    return told


def hour(value: datetime) -> str:
    """Return the time of day: `14:05`."""
    return f"{timezone.localtime(value):%H:%M}"


def span(first: datetime, last: datetime) -> str:
    """Return a range of times of day: `14:20–14:30`, in Korean `14:20~14:30`; a word joiner keeps it on one line."""
    return _("%(low)s–%(high)s") % {"low": hour(first), "high": f"\u2060{hour(last)}"}


def _today() -> date:
    return timezone.localdate(clock.now())


def _day_ends() -> int:
    """Return when today is over, in real epoch seconds: the clock of a trial runs faster."""
    now = clock.now()
    midnight = timezone.make_aware(datetime.combine(timezone.localdate(now) + timedelta(days=1), time.min))
    return math.ceil(real_time() + (midnight - now).total_seconds() / max(clock.clock().speed, 1.0))


def _element(stamp: str, title: str, text: str, until: int | None = None) -> SafeString:
    ends = "" if until is None else format_html(' data-until="{}"', str(until))
    return format_html('<time datetime="{}" title="{}"{}>{}</time>', stamp, title, ends, text)
