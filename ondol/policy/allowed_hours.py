"""The rule about the hours at which machines may run: one rule that five fields of a policy store."""

from collections.abc import Iterator, Mapping
from datetime import time
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ondol.config import config
from ondol.policy.fields import ZoneField, choice_field, time_field
from ondol.policy.hours import Hours
from ondol.policy.kinds import Rule, Text
from ondol.policy.models import Policy

_INHERITED, _AT_ANY_TIME, _IN_THESE = "", "no", "yes"
_ANSWERS = {None: _INHERITED, False: _AT_ANY_TIME, True: _IN_THESE}
"""The answers by `Policy.has_hours`."""
_OPENS, _CLOSES = time(9), time(22)
"""The hours that a form suggests."""


class AllowedHours(Rule[Hours | None]):
    """From, until, weekends and zone as one value: a policy with hours of its own inherits none of the defaults."""

    @property
    def stored(self) -> Mapping[str, Text]:
        return {
            "has_hours": self.changed,
            "opens_at": gettext_lazy("from"),
            "closes_at": gettext_lazy("until"),
            "weekends": gettext_lazy("weekends"),
            "zone": gettext_lazy("time zone"),
        }

    def is_set(self, policy: Policy) -> bool:
        return policy.has_hours is not None

    def value(self, policy: Policy) -> Hours | None:
        if not policy.has_hours:
            return None
        return Hours.of(policy.opens_at, policy.closes_at, policy.weekends, policy.zone, policy.set_at)

    def form_fields(self) -> dict[str, forms.Field]:
        answers = [
            (_INHERITED, _("default")),
            (_AT_ANY_TIME, _("at any time")),
            (_IN_THESE, _("only in these hours")),
        ]
        return {
            self.name: choice_field(str(self.asks), answers),
            "opens_at": time_field(_("From")),
            "closes_at": time_field(_("Until")),
            "weekends": forms.BooleanField(label=_("On Saturdays and Sundays too"), required=False),
            "zone": ZoneField(label=_("Time zone")),
        }

    def to_form(self, policy: Policy | None) -> dict[str, Any]:
        if policy is None or not policy.has_hours:
            shown = {"opens_at": _OPENS, "closes_at": _CLOSES, "weekends": False, "zone": config().time_zone}
        else:
            shown = {name: getattr(policy, name) for name in self.stored}
        return shown | ({self.name: _ANSWERS[policy.has_hours]} if policy else {})

    def from_form(self, data: Mapping[str, Any]) -> dict[str, Any]:
        has_hours = {answer: kept for kept, answer in _ANSWERS.items()}[data[self.name]]
        kept = {"opens_at": None, "closes_at": None, "weekends": True, "zone": ""}
        return {"has_hours": has_hours} | ({name: data[name] for name in kept} if has_hours else kept)

    def mistakes(self, data: Mapping[str, Any]) -> Iterator[tuple[str, Text]]:
        if data.get(self.name) != _IN_THESE:
            return
        opens, closes = data.get("opens_at"), data.get("closes_at")
        if opens is None:
            yield "opens_at", _("Enter when machines may begin to run, such as 09:00.")
        if closes is None:
            yield "closes_at", _("Enter when machines are stopped, such as 22:00.")
        if data.get("weekends") and opens is not None and opens == closes:
            yield self.name, _("These hours never end. Choose “at any time”, or another time from or until.")

    def check(self, values: Mapping[str, Any]) -> None:
        super().check({**values, self.name: _ANSWERS[values["has_hours"]]})

    def allowed(self) -> str:
        return "from, until, weekends or not, any IANA time zone"


def describe_hours(hours: Hours | None) -> str:
    """Return hours in words, such as `Monday to Friday 09:00–22:00 (Asia/Seoul)`."""
    if hours is None or (hours.is_all_day and hours.weekends):
        return _("at any time")
    words = {"opens": f"{hours.opens:%H:%M}", "closes": f"{hours.closes:%H:%M}", "zone": hours.zone.key}
    if hours.is_all_day:
        return _("Monday to Friday (%(zone)s)") % words
    if hours.closes < hours.opens:
        words["closes"] = _("%(closes)s the next day") % words
    if hours.weekends:
        return _("every day %(opens)s–%(closes)s (%(zone)s)") % words
    return _("Monday to Friday %(opens)s–%(closes)s (%(zone)s)") % words
