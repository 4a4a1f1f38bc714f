"""The form with which administrators decide about people."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from ondol.accounts.text import ProseField
from ondol.web.tables import ids_of


class RowsField(forms.Field):
    """The keys of the rows that were selected. Whether each may be acted on is decided one by one."""

    widget = forms.MultipleHiddenInput
    default_error_messages = {"required": _("Select at least one row.")}

    def to_python(self, value: Any) -> list[int]:
        """Return the keys, each once."""
        return ids_of(value or [])


class DecisionForm(forms.Form):
    """A decision about one or several people."""

    decision = forms.ChoiceField(choices=[("approve", ""), ("reject", ""), ("suspend", "")])
    people = RowsField()
    reason = ProseField(max_length=1000, required=False, widget=forms.Textarea(attrs={"rows": 2}))

    def clean(self) -> None:
        """Ask for a reason, which those who are rejected read."""
        if self.cleaned_data.get("decision") == "reject" and self.cleaned_data.get("reason") == "":
            self.add_error("reason", _("Give a reason: it is sent to the person."))
