"""The form of a policy. An empty field inherits the default rule, or the value of the settings."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from django import forms
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ondol.accounts.models import validate_prose
from ondol.accounts.text import LineField
from ondol.policy.allowed_hours import AllowedHours
from ondol.policy.catalog import Rules, all_rules
from ondol.policy.fields import SaysOnce
from ondol.policy.kinds import Group, Rule, Switch, Types
from ondol.policy.models import Policy
from ondol.web.policy.facts import describe_value, origin

_Template = Literal["policy/field.html", "policy/choices.html", "policy/hours.html"]
_TEMPLATES: dict[type[Rule[Any]], _Template] = {
    Types: "policy/choices.html",
    Switch: "policy/choices.html",
    AllowedHours: "policy/hours.html",
}
"""The template of a kind of rule, unless it is one field."""

_GROUPS: dict[Group, tuple[str | Promise, str | Promise]] = {
    Group.STOPS: (gettext_lazy("Auto-stop and keep awake"), ""),
    Group.WORK: (
        gettext_lazy("Work that the CPU does not show"),
        gettext_lazy("A machine with at least this much network or disk activity is not stopped as idle."),
    ),
    Group.HOURS: (
        gettext_lazy("Allowed hours"),
        gettext_lazy(
            "When they end, what runs is stopped. A machine may be started outside of them, and runs until they end "
            "the next time."
        ),
    ),
    Group.MACHINES: (gettext_lazy("Machines and disks"), ""),
    Group.LIMITS: (gettext_lazy("How often"), gettext_lazy("The most that one person may do in 24 hours.")),
    Group.SSH: (gettext_lazy("Addresses for SSH"), ""),
}
"""The heading of each part of the form, and a sentence below it."""


@dataclass(frozen=True, slots=True)
class Part:
    """The part of the form for one rule."""

    template: _Template
    field: forms.BoundField
    unit: str | Promise = ""


@dataclass(frozen=True, slots=True)
class Section:
    """What the form asks for together."""

    heading: str | Promise
    hint: str | Promise
    parts: list[Part]


class WhyField(SaysOnce, LineField):
    """The reason for rules, in one line."""


class PolicyForm(forms.Form):
    """The form for the default rules, or for those of one person."""

    why = WhyField(
        label=gettext_lazy("Why"),
        help_text=gettext_lazy("Shown to those it applies to."),
        max_length=200,
        required=False,
        validators=[validate_prose],
        error_messages={"max_length": gettext_lazy("Write at most 200 characters.")},
    )

    def __init__(self, *args: Any, inherited: Rules, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._rules = sorted(all_rules(), key=lambda rule: list(Group).index(rule.group))
        for rule in self._rules:
            self.fields.update(rule.form_fields())
            field = self.fields[rule.name]
            words = {"value": describe_value(inherited, rule), "source": origin(inherited, rule)}
            note = [rule.range(), rule.note]
            if isinstance(field, forms.MultipleChoiceField):
                note.append(_("None chosen: %(value)s (%(source)s).") % words)
            elif isinstance(field, forms.ChoiceField):
                field.choices = [("", _("%(value)s (%(source)s)") % words), *list(field.choices)[1:]]  # type: ignore[arg-type]
            else:  # the placeholder shows what applies while it is empty
                field.widget.attrs["placeholder"] = rule.placeholder(inherited.values[rule.name])
            field.help_text = " ".join(str(part) for part in note if part)
        self.order_fields([name for name in self.fields if name != "why"])

    def sections(self) -> Iterator[Section]:
        """Return the parts of the form, in its order."""
        for group, (heading, hint) in _GROUPS.items():
            rules = [rule for rule in self._rules if rule.group is group]
            parts = [
                Part(_TEMPLATES.get(type(rule), "policy/field.html"), self[rule.name], rule.unit) for rule in rules
            ]
            yield Section(heading, hint, parts)

    def full_clean(self) -> None:
        """Check the form, and let a browser without scripts begin at the first field that is wrong."""
        super().full_clean()
        wrong = [self.fields[name].widget for name in self.fields if name in self.errors]
        if wrong and not isinstance(wrong[0], forms.RadioSelect):
            wrong[0].attrs["autofocus"] = True

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
