"""Forms of one person's page: what is asked, how long it may be. They decide nothing."""

from django import forms
from django.utils.translation import gettext_lazy as _

from ondol.accounts.models import Role, User


class ReasonForm(forms.Form):
    """Why somebody is rejected or suspended; `people.reject` insists on a reason."""

    reason = forms.CharField(
        label=_("Reason"), max_length=1000, required=False, widget=forms.Textarea(attrs={"rows": 2})
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
        """The same address, whatever its case."""
        typed = str(self.cleaned_data["email"]).strip()
        if typed.casefold() != self.owner.email.casefold():
            raise forms.ValidationError(_("This is not the owner’s address. Nothing was ended."))
        return typed
