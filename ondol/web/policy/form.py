"""The form of a policy. Empty fields are inherited."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ondol.accounts.models import validate_prose
from ondol.accounts.text import LineField
from ondol.policy.allowed_hours import AllowedHours
from ondol.policy.catalog import Rules, all_rules
from ondol.policy.kinds import Rule, Types
from ondol.policy.models import Policy
from ondol.web.policy.facts import describe_value, origin

_Template = Literal["parts/field.html", "parts/boxes.html", "policy/hours.html"]
_TEMPLATES: dict[type[Rule[Any]], _Template] = {Types: "parts/boxes.html", AllowedHours: "policy/hours.html"}
"""The template of a kind of rule, unless it is one field."""


@dataclass(frozen=True, slots=True)
class Part:
    """The part of the form for one rule."""

    template: _Template
    field: forms.BoundField


class PolicyForm(forms.Form):
    """The form for the default rules, or for those of one person."""

    why = LineField(
        label=gettext_lazy("Why"),
        help_text=gettext_lazy("Shown to those it applies to."),
        max_length=200,
        required=False,
        validators=[validate_prose],
    )

    def __init__(self, *args: Any, inherited: Rules, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Rules with several fields come last.
        self._rules = sorted(all_rules(), key=lambda rule: len(rule.form_fields()) > 1)
        for rule in self._rules:
            self.fields.update(rule.form_fields())
            words = {"value": describe_value(inherited, rule), "source": origin(inherited, rule)}
            hint = _("Left empty: %(value)s (%(source)s).") % words
            self.fields[rule.name].help_text = f"{hint} {rule.note}".strip()
        self.order_fields([name for name in self.fields if name != "why"])

    def parts(self) -> Iterator[Part]:
        """Return the parts of the form, in its order."""
        for rule in self._rules:
            yield Part(_TEMPLATES.get(type(rule), "parts/field.html"), self[rule.name])
        yield Part("parts/field.html", self["why"])

    def clean(self) -> dict[str, Any]:
        """Say what is wrong with the fields of a rule together."""
        data: dict[str, Any] = super().clean() or {}
        for rule in self._rules:
            for name, mistake in rule.mistakes(data):
                if name not in self.errors:
                    self.add_error(name, str(mistake))
        return data

    def values(self) -> dict[str, Any]:
        """Return the answers, by the names of `Policy`."""
        kept = {"why": self.cleaned_data["why"]}
        for rule in self._rules:
            kept |= rule.from_form(self.cleaned_data)
        return kept


def initial(policy: Policy | None) -> dict[str, Any]:
    """Return what is set, and the form's suggestions where nothing is."""
    shown = {"why": policy.why} if policy else {}
    for rule in all_rules():
        shown |= rule.to_form(policy)
    return shown
