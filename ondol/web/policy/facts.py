"""Rules in words: what applies, who has set it, and what was changed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ondol.policy.catalog import Rules, Source, all_rules
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
"""Names that earlier versions have recorded changes by."""


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


def changed(what: Mapping[str, Sequence[object]]) -> str:
    """Return a change of a policy in one line: `idle minutes 30 → 60`."""
    words = _EARLIER | {name: word for rule in all_rules() for name, word in rule.stored.items()} | {"why": _("why")}
    lines = [f"{words.get(name, name)} {_value(old)} → {_value(new)}" for name, (old, new) in what.items()]
    return ", ".join(lines)


def _value(value: object) -> str:
    match value:
        case None:
            return "–"
        case bool():
            return _("yes") if value else _("no")
        case list():
            return " ".join(map(str, value))
    return str(value)
