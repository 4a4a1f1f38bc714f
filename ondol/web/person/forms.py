"""Forms of one person's page: their fields and the limits of these. They decide nothing."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from ondol.accounts.models import Role, User
from ondol.accounts.text import ProseField, find_address


class ReasonForm(forms.Form):
    """The reason for a suspension, if there is one to tell."""

    reason = ProseField(label=_("Reason"), max_length=1000, required=False, widget=forms.Textarea(attrs={"rows": 2}))


class RejectForm(ReasonForm):
    """The reason for a rejection, which the person reads."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        reason = self.fields["reason"]
        reason.required, reason.error_messages["required"] = True, _("Give a reason: it is sent to the person.")


class VouchForm(forms.Form):
    """What an administrator says who approves somebody whose address is not proven."""

    vouches = forms.BooleanField(
        label=_("I have made sure, by another way than Ondol, that this address is theirs."),
        required=False,
        widget=forms.CheckboxInput(attrs={"required": True}),
    )


class RoleForm(forms.Form):
    """Member or administrator."""

    role = forms.ChoiceField(choices=Role.choices)


class TerminateForm(forms.Form):
    """The person's e-mail address, typed, so that nobody ends the wrong machine by habit."""

    email = forms.CharField(
        label=_("E-mail address of the owner"),
        max_length=254,
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "off", "spellcheck": "false"}),
    )

    def __init__(self, *args: object, owner: User, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self.owner = owner

    def clean_email(self) -> str:
        """Return the address if it is the same, however it was typed."""
        typed = find_address(self.cleaned_data["email"])
        if typed != find_address(self.owner.email):
            raise forms.ValidationError(_("This is not the owner’s address. Nothing was deleted."))
        return typed
