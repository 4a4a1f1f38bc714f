"""The rule about the hours at which machines may run: one rule that five fields of a policy store."""

from collections.abc import Iterator, Mapping
from datetime import time
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ondol.config import config, zones
from ondol.policy.hours import Hours
from ondol.policy.kinds import Rule, Text
from ondol.policy.models import Policy

_INHERITED, _AT_ANY_TIME, _IN_THESE = "", "no", "yes"
_ANSWERS = {None: _INHERITED, False: _AT_ANY_TIME, True: _IN_THESE}
"""The answers by `Policy.has_hours`."""
_OPENS, _CLOSES = time(9), time(22)
"""The hours that a form suggests."""


class ZoneField(forms.CharField):
    """The name of a time zone that this computer knows; if empty, that of the settings."""

    def clean(self, value: Any) -> str:
        zone = str(super().clean(value)).strip() or config().time_zone
        if zone not in zones():
            raise ValidationError(_("There is no such time zone."))
        return zone


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
            (_INHERITED, _("inherited")),
            (_AT_ANY_TIME, _("at any time")),
            (_IN_THESE, _("only in these hours")),
        ]
        such_as = _("A name of the IANA time zones, such as %(zone)s.") % {"zone": config().time_zone}
        return {
            self.name: forms.ChoiceField(label=self.asks, choices=answers, required=False),
            "opens_at": _time_field(gettext_lazy("From")),
            "closes_at": _time_field(gettext_lazy("Until")),
            "weekends": forms.BooleanField(label=gettext_lazy("On Saturdays and Sundays too"), required=False),
            "zone": ZoneField(
                label=gettext_lazy("Time zone of these hours"), max_length=64, required=False, help_text=such_as
            ),
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
        for name, wall in (("opens_at", opens), ("closes_at", closes)):
            if wall is None:
                yield name, _("Say when.")
        if data.get("weekends") and opens is not None and opens == closes:
            yield self.name, _("These hours never end. Choose “at any time”.")

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
    if hours.weekends:
        return _("every day %(opens)s–%(closes)s (%(zone)s)") % words
    return _("Monday to Friday %(opens)s–%(closes)s (%(zone)s)") % words


def _time_field(label: Text) -> forms.TimeField:
    return forms.TimeField(label=label, required=False, widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M"))
