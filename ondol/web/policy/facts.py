"""Rules in people's words: what holds, and who has set it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import time

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from ondol.policy.hours import Hours
from ondol.policy.rules import Rules, Source

_SOURCES: dict[Source, str | Promise] = {
    Source.OWN: gettext_lazy("set for this person"),
    Source.EVERYBODY: gettext_lazy("set for everybody"),
    Source.SETTINGS: gettext_lazy("as installed"),
}
NAMES: dict[str, str | Promise] = {
    "idle_minutes": gettext_lazy("Stopped after"),
    "idle_cpu_percent": gettext_lazy("Idle means"),
    "awake_hours": gettext_lazy("Keep awake"),
    "hours": gettext_lazy("Allowed hours"),
    "instance_types": gettext_lazy("Types to choose from"),
    "volume_gb_max": gettext_lazy("Disk"),
}


@dataclass(frozen=True, slots=True)
class Fact:
    """One rule."""

    name: str | Promise
    value: str
    source: str


def facts_of(rules: Rules, *, is_mine: bool = False) -> list[Fact]:
    """All rules that hold for somebody, or for the reader."""
    return [Fact(NAMES[name], told(rules, name), origin(rules, name, is_mine=is_mine)) for name in NAMES]


def origin(rules: Rules, name: str, *, is_mine: bool = False) -> str:
    """Who has set one rule."""
    source = rules.sources[name]
    return _("set for you") if is_mine and source is Source.OWN else str(_SOURCES[source])


def told(rules: Rules, name: str) -> str:
    """The value of one rule."""
    match name:
        case "idle_minutes":
            return _("%(n)d idle minutes") % {"n": rules.idle_minutes}
        case "idle_cpu_percent":
            return _("CPU below %(percent)s%%") % {"percent": f"{rules.idle_cpu_percent:g}"}
        case "awake_hours" if not rules.awake_hours:
            return _("not possible")
        case "awake_hours":
            hours = rules.awake_hours
            return ngettext("at most %(n)d hour at a time", "at most %(n)d hours at a time", hours) % {"n": hours}
        case "instance_types":
            return ", ".join(rules.instance_types)
        case "volume_gb_max":
            return _("at most %(n)d GiB") % {"n": rules.volume_gb_max}
    return _hours(rules.hours)


def _hours(hours: Hours | None) -> str:
    if hours is None or (hours.is_all_day and hours.weekends):
        return _("at any time")
    words = {"opens": _clock(hours.opens), "closes": _clock(hours.closes), "zone": hours.zone.key}
    if hours.is_all_day:
        return _("Monday to Friday (%(zone)s)") % words
    if hours.weekends:
        return _("every day %(opens)s–%(closes)s (%(zone)s)") % words
    return _("Monday to Friday %(opens)s–%(closes)s (%(zone)s)") % words


def _clock(wall: time) -> str:
    return f"{wall:%H:%M}"


_FIELDS: dict[str, str | Promise] = {
    "idle_minutes": gettext_lazy("idle minutes"),
    "idle_cpu_percent": gettext_lazy("idle CPU"),
    "awake_hours": gettext_lazy("hours awake"),
    "instance_types": gettext_lazy("types"),
    "volume_gb_max": gettext_lazy("disk"),
    "has_hours": gettext_lazy("allowed hours"),
    "opens_at": gettext_lazy("from"),
    "closes_at": gettext_lazy("until"),
    "weekends": gettext_lazy("weekends"),
    "zone": gettext_lazy("time zone"),
    "why": gettext_lazy("why"),
}


def changed(what: Mapping[str, Sequence[object]]) -> str:
    """A change of a policy in one line: `idle minutes 30 → 60`."""
    told = [f"{_FIELDS.get(name, name)} {_value(old)} → {_value(new)}" for name, (old, new) in what.items()]
    return ", ".join(told)


def _value(value: object) -> str:
    match value:
        case None:
            return "–"
        case bool():
            return _("yes") if value else _("no")
        case list():
            return " ".join(map(str, value))
    return str(value)
