"""Form fields for rules. Each says in one sentence what it accepts, instead of Django's messages for each validator."""

from collections.abc import Sequence
from decimal import Decimal
from functools import cache
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from ondol.config import config
from ondol.web_settings import zones

_ELSEWHERE = "UTC"
"""The group of zones that belong to no place."""


class SaysOnce(forms.Field):
    """Says only the first of what is wrong with a value."""

    def run_validators(self, value: Any) -> None:
        try:
            super().run_validators(value)
        except ValidationError as error:
            raise ValidationError(error.messages[0]) from None


class _NoUnderscores(forms.Field):
    """Refuses 1_0, which is 10 to Python."""

    def to_python(self, value: Any) -> Any:
        if "_" in str(value):
            raise ValidationError(self.error_messages["invalid"], code="invalid")
        return super().to_python(value)


class _WholeNumber(SaysOnce, _NoUnderscores, forms.IntegerField):
    pass


class _OneDecimal(SaysOnce, _NoUnderscores, forms.DecimalField):
    pass


def number_field(label: str, least: int, most: int, step: int) -> forms.IntegerField:
    """Return a field for a whole number, or nothing."""
    words = {"least": f"{least:,}", "most": f"{most:,}", "step": step}
    takes = _("Enter a whole number from %(least)s to %(most)s, without a unit.") % words
    if step > 1:
        takes = _("Enter a multiple of %(step)d from %(least)s to %(most)s, without a unit.") % words
    return _WholeNumber(
        label=label,
        min_value=least,
        max_value=most,
        step_size=step if step > 1 else None,
        required=False,
        error_messages=dict.fromkeys(("invalid", "min_value", "max_value", "step_size"), takes),
        # `type=number` would send nothing for letters, and nothing is inherited.
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off"}),
    )


def decimal_field(label: str, least: Decimal, most: Decimal) -> forms.DecimalField:
    """Return a field for a number with one decimal, or nothing."""
    words = {"least": f"{least:,}", "most": f"{most:,}"}
    takes = _("Enter a number from %(least)s to %(most)s with at most one decimal, such as 2.5.") % words
    codes = ("invalid", "min_value", "max_value", "max_digits", "max_decimal_places", "max_whole_digits")
    return _OneDecimal(
        label=label,
        min_value=least,
        max_value=most,
        decimal_places=1,
        required=False,
        error_messages=dict.fromkeys(codes, takes),
        widget=forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"}),
    )


def choice_field(label: str, choices: Sequence[tuple[str, str]]) -> forms.ChoiceField:
    """Return a field for one of some answers, all of which are seen."""
    return forms.ChoiceField(
        label=label,
        choices=choices,
        required=False,
        error_messages={"invalid_choice": _("Choose one of these answers.")},
        widget=forms.RadioSelect,
    )


def types_field(label: str, types: Sequence[str]) -> forms.MultipleChoiceField:
    """Return a field for some of these instance types."""
    words = dict.fromkeys(("invalid_choice", "invalid_list"), _("Choose among the types of this list."))
    return forms.MultipleChoiceField(
        label=label,
        choices=[(name, name) for name in types],
        required=False,
        error_messages=words,
        widget=forms.CheckboxSelectMultiple,
    )


def time_field(label: str) -> forms.TimeField:
    """Return a field for a time on a wall clock."""
    return forms.TimeField(
        label=label,
        input_formats=["%H:%M"],
        required=False,
        error_messages={"invalid": _("Enter a time from 00:00 to 23:59, such as 09:00.")},
        widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M"),
    )


class _ZoneSelect(forms.Select):
    """Time zones by continent, and the chosen one in any case: else a browser would choose the first instead."""

    def optgroups(self, name: str, value: list[str], attrs: dict[str, Any] | None = None) -> list[Any]:
        known = {zone for _continent, some in _zones_by_continent(config().time_zone) for zone, _place in some}
        others = [(zone, zone) for zone in value if zone in zones() - known]
        self.choices = [*others, *_zones_by_continent(config().time_zone)]
        return super().optgroups(name, value, attrs)


class ZoneField(forms.CharField):
    """The name of a time zone that this computer knows; if empty, that of the settings."""

    def __init__(self, **options: Any) -> None:
        super().__init__(required=False, widget=_ZoneSelect, **options)

    def clean(self, value: Any) -> str:
        zone = str(value or "").strip() or config().time_zone
        if zone not in zones():
            raise ValidationError(_("Choose a time zone of this list."))
        return zone


@cache
def _zones_by_continent(installed: str) -> list[tuple[str, list[tuple[str, str]]]]:
    """Return the zones of places; all others are old names of these, but for that of the settings and UTC."""
    groups: dict[str, list[tuple[str, str]]] = {}
    for zone in sorted(zones()):
        continent, is_place, place = zone.partition("/")
        if is_place and continent in _CONTINENTS:
            groups.setdefault(continent, []).append((zone, place.replace("_", " ")))
        elif zone in {installed, "UTC"}:
            groups.setdefault(_ELSEWHERE, []).append((zone, zone))
    return sorted(groups.items())


_CONTINENTS = frozenset({
    "Africa", "America", "Antarctica", "Arctic", "Asia", "Atlantic", "Australia", "Europe", "Indian", "Pacific",
})  # fmt: skip
