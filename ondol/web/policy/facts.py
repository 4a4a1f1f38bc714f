"""Rules in words: what applies, who has set it, and what was changed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import time
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ondol.policy.allowed_hours import describe_hours
from ondol.policy.catalog import Rules, Source, all_rules
from ondol.policy.hours import Hours
from ondol.policy.kinds import Rule

_SOURCES: dict[Source, str | Promise] = {
    Source.OWN: gettext_lazy("set for this person"),
    Source.EVERYBODY: gettext_lazy("set for all"),
    Source.SETTINGS: gettext_lazy("as installed"),
}

_EARLIER: dict[str, str | Promise] = {
    "idle_cpu_percent": gettext_lazy("idle CPU of two vCPUs"),
    "volume_gb_max": gettext_lazy("disk"),
}
"""Field names in changes that earlier versions have recorded."""


@dataclass(frozen=True, slots=True)
class Fact:
    """One rule."""

    name: str | Promise
    value: str
    source: str


def facts_of(rules: Rules, *, is_mine: bool = False) -> list[Fact]:
    """Return all rules that apply to somebody, or to the reader."""
    return [Fact(rule.label, describe_value(rules, rule), origin(rules, rule, is_mine=is_mine)) for rule in all_rules()]


def describe_value(rules: Rules, rule: Rule[Any]) -> str:
    """Return the value of one rule, in words."""
    return str(rule.describe(rules.values[rule.name]))


def origin(rules: Rules, rule: Rule[Any], *, is_mine: bool = False) -> str:
    """Return who has set one rule, in words."""
    source = rules.sources[rule.name]
    return _("set for you") if is_mine and source is Source.OWN else str(_SOURCES[source])


@dataclass(frozen=True, slots=True)
class Changed:
    """One thing that a change of a policy has changed."""

    name: str | Promise
    old: str
    new: str

    def __str__(self) -> str:
        return f"{self.name} {self.old} → {self.new}"


def changed(what: Mapping[str, Sequence[object]]) -> str:
    """Return a change of a policy in one line: `idle minutes 30 → 60`."""
    return ", ".join(map(str, changes_of(what)))


def changes_of(what: Mapping[str, Sequence[object]]) -> list[Changed]:
    """Return the parts of a change of a policy; hours that come or go are one of them."""
    words = _EARLIER | {name: word for rule in all_rules() for name, word in rule.stored.items()} | {"why": _("why")}
    found = [Changed(words.get(name, name), _value(name, old), _value(name, new)) for name, (old, new) in what.items()]
    if "has_hours" not in what:
        return found
    others = [one for name, one in zip(what, found, strict=True) if name not in Rules.hours.stored]
    before, after = ({name: values[at] for name, values in what.items()} for at in (0, 1))
    return [Changed(Rules.hours.changed, _hours(before), _hours(after)), *others]


def _hours(kept: Mapping[str, Any]) -> str:
    """Return hours from one side of a change, which has only the values that differed."""
    if not kept["has_hours"]:
        return _value("has_hours", None) if kept["has_hours"] is None else describe_hours(None)
    opens, closes = (time.fromisoformat(kept.get(name) or "00:00") for name in ("opens_at", "closes_at"))
    return describe_hours(Hours.of(opens, closes, kept.get("weekends", True), kept.get("zone") or ""))


def _value(name: str, value: object) -> str:
    match value:
        case None if name == "why":
            return _("none")
        case None:
            return _("default")
        case bool():
            return _("yes") if value else _("no")
        case list():
            return " ".join(map(str, value))
    return str(value)
