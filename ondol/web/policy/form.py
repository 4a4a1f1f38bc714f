"""The form of a policy. What is left empty is inherited."""

from datetime import time
from decimal import Decimal
from typing import Any

from django import forms
from django.core.validators import MinValueValidator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ondol.config import config, zones
from ondol.policy.models import Policy
from ondol.policy.rules import Rules
from ondol.web.policy.facts import origin, told

VOLUME_GB_MAX = 16384
"""gp3's."""


class PolicyForm(forms.Form):
    """For everybody, or for one person."""

    idle_minutes = forms.IntegerField(
        label=gettext_lazy("Stop after so many idle minutes (15 to 720, in steps of 5)"),
        min_value=15,
        max_value=720,
        step_size=5,
        required=False,
    )
    idle_cpu_percent = forms.DecimalField(
        label=gettext_lazy("CPU that counts as idle, below per cent"),
        min_value=Decimal("0.1"), max_value=99, decimal_places=1, required=False,
    )  # fmt: skip
    awake_hours = forms.IntegerField(
        label=gettext_lazy("Keep awake for at most so many hours at a time (0: not at all)"),
        min_value=0,
        max_value=47,
        required=False,
    )
    instance_types = forms.MultipleChoiceField(
        label=gettext_lazy("Types to choose from"), required=False, widget=forms.CheckboxSelectMultiple
    )
    volume_gb_max = forms.IntegerField(
        label=gettext_lazy("Disk of at most so many GiB"), max_value=VOLUME_GB_MAX, required=False
    )
    hours = forms.ChoiceField(label=gettext_lazy("Allowed hours"), required=False)
    opens_at = forms.TimeField(label=gettext_lazy("From"), required=False)
    closes_at = forms.TimeField(label=gettext_lazy("Until"), required=False)
    weekends = forms.BooleanField(label=gettext_lazy("On Saturdays and Sundays too"), required=False)
    zone = forms.CharField(label=gettext_lazy("Time zone of these hours"), max_length=64, required=False)
    why = forms.CharField(
        label=gettext_lazy("Why"),
        help_text=gettext_lazy("Shown to those it applies to."),
        max_length=200,
        required=False,
    )

    def __init__(self, *args: Any, beneath: Rules, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        fields: dict[str, Any] = self.fields
        for name in ("idle_minutes", "idle_cpu_percent", "awake_hours", "instance_types", "volume_gb_max", "hours"):
            words = {"value": told(beneath, name), "source": origin(beneath, name)}
            fields[name].help_text = _("Left empty: %(value)s (%(source)s).") % words
        fields["awake_hours"].help_text += " " + _("For wishes from now on; what somebody has been promised holds.")
        fields["instance_types"].choices = [(name, name) for name in config().permitted_types]
        least = config().volume_gb
        fields["volume_gb_max"].min_value = least
        fields["volume_gb_max"].validators.append(MinValueValidator(least))
        fields["volume_gb_max"].widget.attrs["min"] = least
        fields["hours"].choices = [("", _("inherited")), ("no", _("at any time")), ("yes", _("only in these hours"))]
        fields["hours"].help_text += " " + _(
            "When they end, what runs is stopped. A machine may be started outside of them, "
            "and runs until they end the next time."
        )
        fields["zone"].help_text = _("A name of the IANA time zones, such as %(zone)s.") % {"zone": config().time_zone}
        for name in ("opens_at", "closes_at"):
            fields[name].widget = forms.TimeInput(attrs={"type": "time"}, format="%H:%M")

    def clean_zone(self) -> str:
        """One that this computer knows; empty: that of the settings."""
        zone = str(self.cleaned_data["zone"]).strip() or config().time_zone
        if zone not in zones():
            raise forms.ValidationError(_("There is no such time zone."))
        return zone

    def clean(self) -> dict[str, Any]:
        """Hours need a beginning and an end."""
        data: dict[str, Any] = super().clean() or {}
        if data.get("hours") != "yes":
            return data
        for name in ("opens_at", "closes_at"):
            if data.get(name) is None and name not in self.errors:
                self.add_error(name, _("Say when."))
        if data.get("weekends") and data.get("opens_at") is not None and data.get("opens_at") == data.get("closes_at"):
            self.add_error("hours", _("These hours never end. Choose “at any time”."))
        return data

    def values(self) -> dict[str, Any]:
        """By the names of `Policy`."""
        data = self.cleaned_data
        plain = ("idle_minutes", "idle_cpu_percent", "awake_hours", "volume_gb_max", "why")
        has_hours = {"yes": True, "no": False}.get(data["hours"])
        hours: dict[str, Any] = {"opens_at": None, "closes_at": None, "weekends": True, "zone": ""}
        if has_hours:
            hours = {name: data[name] for name in hours}
        types = data["instance_types"] or None
        return {**{name: data[name] for name in plain}, "instance_types": types, "has_hours": has_hours, **hours}


def initial(policy: Policy | None) -> dict[str, Any]:
    """What is set."""
    nine, ten = time(9), time(22)
    hours: dict[str, Any] = {"opens_at": nine, "closes_at": ten, "weekends": False, "zone": config().time_zone}
    if policy is None:
        return hours
    kept = {name: getattr(policy, name) for name in PolicyForm.base_fields if hasattr(policy, name)}
    if not policy.has_hours:
        kept |= hours
    return kept | {"hours": {True: "yes", False: "no"}.get(policy.has_hours, "")}  # type: ignore[arg-type]
