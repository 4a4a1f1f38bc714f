"""Times as pages show them: short, with the day where it is needed; zone and full date are in the title."""

from datetime import date, datetime

from django.utils import formats, timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from ondol import clock, dates


def tagged(value: datetime, text: str) -> SafeString:
    """Return `text` as the element of a time, whose full date and zone show up on hover."""
    local = timezone.localtime(value)
    return format_html('<time datetime="{}" title="{}">{}</time>', local.isoformat(), dates.full(value), text)


def short(value: datetime) -> str:
    """Return a time of these days: `today 11:17`, `yesterday 09:00`, `3 Jun, 14:05`; the year where it is another."""
    if timezone.localdate(value) == timezone.localdate(clock.now()):
        return _("today %(time)s") % {"time": hour(value)}
    return wall(value)


def wall(value: datetime) -> str:
    """Return a time as on a wall clock: `18:00`, `tomorrow 09:00`; today needs no word."""
    day, today = timezone.localdate(value), timezone.localdate(clock.now())
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
    """Return a day above what happened on it: `today, Wed 3 Jun 2026`."""
    told = formats.date_format(day, "Y년 n월 j일 (D)" if get_language() == "ko" else "D j M Y")
    match (timezone.localdate(clock.now()) - day).days:
        case 0:
            return _("Today, %(day)s") % {"day": told}
        case 1:
            return _("Yesterday, %(day)s") % {"day": told}
    return told


def hour(value: datetime) -> str:
    """Return the time of day: `14:05`."""
    return f"{timezone.localtime(value):%H:%M}"


def span(first: datetime, last: datetime) -> str:
    """Return a range of times of day: `14:20–14:30`, in Korean `14:20~14:30`."""
    return _("%(low)s–%(high)s") % {"low": hour(first), "high": hour(last)}
