"""Times with their zone, durations, prices, kinds of widgets."""

import ipaddress
from datetime import date, datetime, timedelta
from decimal import Decimal

from django import template
from django.forms import BoundField
from django.template.defaultfilters import floatformat
from django.utils import formats, timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from ondol import clock, dates
from ondol.accounts.passwords import hint
from ondol.autostop.work import Work
from ondol.costs.bills import Money, money_of
from ondol.costs.months import Month
from ondol.instances.messages import signals
from ondol.instances.record import LastWork
from ondol.policy.threshold import digits
from ondol.request_id import request_id
from ondol.web import prices, times
from ondol.whom_to_ask import contact

register = template.Library()


@register.simple_tag
def request_reference() -> str:
    """Return the id by which this request is found in the log; empty outside of one."""
    return request_id.get()


@register.simple_tag
def administrators_contact() -> str:
    """Return a link to the contact in the settings, if any; also for pages without a request."""
    found = contact()
    return format_html('{} <a href="{}">{}</a>', _("Administrator:"), found.url, found.name) if found else ""


@register.filter
def moment(value: datetime | None) -> SafeString | str:
    """Return a time in the zone of the settings, with the zone shown: `2026-06-03 14:05 KST`."""
    return times.tagged(value, dates.full(value)) if value else ""


@register.filter
def short(value: datetime | None) -> SafeString | str:
    """Return a time of these days, `today 14:05`; its full date and zone show up on hover."""
    return times.of_today(value, times.short(value)) if value else ""


@register.filter
def wall(value: datetime, zone: str = "") -> SafeString:
    """Return a time as on a wall clock: `18:00`, `tomorrow 09:00`; with `"T"`, `18:00 KST`."""
    told = times.wall(value)
    return times.of_today(value, f"{told} {timezone.localtime(value):%Z}" if zone else told)


@register.filter
def expected(value: datetime) -> str:
    """Return a future time: `18:00`, or `any moment` once that minute has come."""
    return _("any moment") if value < clock.now() + timedelta(minutes=1) else wall(value)


@register.filter
def hour(value: datetime) -> SafeString:
    """Return the time of day, where a heading has the day: `14:05`."""
    return times.tagged(value, times.hour(value))


@register.filter
def last_work(value: LastWork) -> str:
    """Return what a machine did last: `Last work: a download (2.1 MB/s), until 14:05 KST.`."""
    return signals.last_work(value.signal, value.rate, f"{timezone.localtime(value.until):%H:%M %Z}")


@register.filter
def kept_on(value: Work) -> str:
    """Return why a machine does not stop: `It is downloading (2.1 MB/s), so it does not stop.`."""
    return signals.kept_on(value.signal, value.rate)


@register.filter
def duration(value: timedelta) -> str:
    """Return the two largest units: `3 hours 12 minutes`."""
    minutes = int(value.total_seconds()) // 60
    days, hours, minutes = minutes // 1440, minutes // 60 % 24, minutes % 60
    parts = [
        (days, ngettext("%(n)d day", "%(n)d days", days)),
        (hours, ngettext("%(n)d hour", "%(n)d hours", hours)),
        (minutes, ngettext("%(n)d minute", "%(n)d minutes", minutes)),
    ]
    told = [text % {"n": number} for number, text in parts if number][:2]
    return " ".join(told) or _("less than a minute")


@register.filter
def stopwatch(value: timedelta) -> str:
    """Return minutes and seconds, as `ondol.js` goes on counting them: `1:05`, `1:02:03`."""
    seconds = int(value.total_seconds())
    hours, minutes, seconds = seconds // 3600, seconds // 60 % 60, seconds % 60
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


@register.filter
def seconds(value: timedelta) -> int:
    """Return whole seconds, for `ondol.js`."""
    return int(value.total_seconds())


@register.filter
def dollars(value: Decimal, places: int = 2) -> str:
    """Return dollars: `$1,208.29`."""
    return f"${value:,.{places}f}"


@register.filter
def amount(value: Money) -> SafeString:
    """Return an amount in both currencies, that of the reader first; the other one is small."""
    return prices.both(value)


@register.filter
def amount_alone(value: Money) -> str:
    """Return an amount in the reader's currency."""
    return prices.shown(value)[0]


@register.filter
def priced(value: Decimal, krw: Decimal | None) -> SafeString:
    """Return what something costs in both currencies: `$8.29 (₩11,502)`; `krw` is the rate, None where none is set."""
    return prices.in_text(money_of(value, krw))


@register.filter
def priced_alone(value: Decimal, krw: Decimal | None) -> str:
    """Return what something costs in the reader's currency."""
    return prices.shown(money_of(value, krw))[0]


@register.filter
def per_hour_alone(value: Decimal, krw: Decimal | None) -> str:
    """Return what an hour costs in the reader's currency, in dollars with tenths of a cent."""
    return prices.shown(money_of(value, krw), f"${value:,.3f}")[0]


@register.filter
def per_hour(value: Decimal, krw: Decimal | None) -> SafeString:
    """Return what an hour costs, with tenths of a cent: `$0.031 (₩43)`."""
    return prices.in_text(money_of(value, krw), f"${value:,.3f}")


register.filter("digits", digits)


@register.filter
def won(value: Decimal) -> str:
    """Return won: `₩12,040`."""
    return f"₩{value:,.0f}"


@register.filter
def month_name(value: Month) -> str:
    """Return the name of a month: `June 2026`."""
    return formats.date_format(date(value.year, value.number, 1), "YEAR_MONTH_FORMAT")


@register.filter
def is_number(host: str) -> bool:
    """Return whether a page is open at an IP address, with or without a port: browsers allow no passkeys there."""
    try:
        ipaddress.ip_address(host.rpartition("]")[0].strip("[") or host.partition(":")[0])
    except ValueError:
        return False
    return True


@register.simple_tag
def password_hint() -> str:
    """Return what a new password has to be, in one line: Django has a sentence for each of its rules."""
    return hint()


@register.filter
def labelled(field: BoundField) -> BoundField:
    """Return the field without allauth's placeholder: the label says the same, and stays."""
    field.field.widget.attrs.pop("placeholder", None)
    return field


@register.filter
def is_optional(field: BoundField) -> bool:
    """Return whether it may stay empty in any case; not if the form requires one of several fields."""
    return not field.field.required and field.name not in getattr(field.form, "one_of", ())


@register.filter
def gib(value: float) -> str:
    """Return a size such as `30 GiB`, which no line breaks apart."""
    return f"{floatformat(value)}\u00a0GiB"


@register.filter
def coded(text: str) -> SafeString:
    """Return a sentence of a command as HTML, with the parts in backticks as code."""
    parts = str(text).split("`")
    return format_html_join(
        "", "{}", ((format_html("<code>{}</code>", part) if n % 2 else part,) for n, part in enumerate(parts))
    )


@register.filter
def widget_kind(field: BoundField) -> str:
    """Return `text`, `password`, `checkbox`, `textarea`, `select` or `radio`."""
    kind = field.field.widget.__class__.__name__.lower()
    for known in ("password", "checkbox", "textarea", "radio", "select"):
        if known in kind:
            return known
    return "text"


_BROWSERS = (("Edg", "Edge"), ("Whale", "Whale"), ("Firefox", "Firefox"), ("Chrome", "Chrome"), ("Safari", "Safari"))
_SYSTEMS = (("Windows", "Windows"), ("iPhone", "iOS"), ("iPad", "iPadOS"), ("Mac", "macOS"), ("Android", "Android"))


@register.filter
def browser(user_agent: str) -> str:
    """Return `Firefox · Windows` or the like: enough to tell one's own devices apart."""
    name = next((told for word, told in _BROWSERS if word in user_agent), "")
    system = next((told for word, told in (*_SYSTEMS, ("Linux", "Linux")) if word in user_agent), "")
    return " · ".join(filter(None, [name, system])) or user_agent[:60]
