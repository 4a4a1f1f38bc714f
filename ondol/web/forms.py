"""Forms of our own pages: what is asked, how long it may be. They decide nothing."""

from datetime import date

from django import forms
from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from ondol import clock
from ondol.accounts.models import ApiToken, Role, User
from ondol.costs.models import Budget, ExchangeRate


class AccountForm(forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable at run time
    """What people may change about themselves."""

    class Meta:
        model = User
        fields = ["name", "affiliation", "language"]
        labels = {"name": _("Name"), "affiliation": _("Affiliation"), "language": _("Language")}
        widgets = {
            "name": forms.TextInput(attrs={"autocomplete": "name"}),
            "affiliation": forms.TextInput(attrs={"autocomplete": "organization"}),
        }


class TokenForm(forms.ModelForm):  # type: ignore[type-arg]
    """A name for a new API token."""

    class Meta:
        model = ApiToken
        fields = ["name"]
        labels = {"name": _("What is it for?")}
        widgets = {"name": forms.TextInput(attrs={"autocomplete": "off"})}


class LanguageForm(forms.Form):
    """The language switch."""

    language = forms.ChoiceField(choices=settings.LANGUAGES)
    next = forms.CharField(required=False)


class DecisionForm(forms.Form):
    """A decision about one or several waiting people."""

    decision = forms.ChoiceField(choices=[("approve", ""), ("reject", "")])
    people = forms.TypedMultipleChoiceField(coerce=int)
    reason = forms.CharField(max_length=1000, required=False, widget=forms.Textarea(attrs={"rows": 2}))

    def __init__(self, *args: object, waiting: list[int], **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        field = self.fields["people"]
        assert isinstance(field, forms.TypedMultipleChoiceField)  # noqa: S101  for the type checker
        field.choices = [(pk, "") for pk in waiting]
        field.error_messages["required"] = _("Choose at least one person.")


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


_AWS_BEGAN = date(2006, 3, 14)


class RateForm(forms.ModelForm):  # type: ignore[type-arg]
    """How many won a dollar is, and of which day that rate is."""

    class Meta:
        model = ExchangeRate
        fields = ["krw", "as_of"]
        widgets = {"as_of": forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")}

    def clean_as_of(self) -> date:
        """A day on which it can have been read."""
        day: date = self.cleaned_data["as_of"]
        if not _AWS_BEGAN <= day <= timezone.localdate(clock.now()):
            raise forms.ValidationError(_("Give the day that the rate is of: today, or before."))
        return day


class BudgetForm(forms.ModelForm):  # type: ignore[type-arg]
    """A budget; an empty amount takes it away."""

    class Meta:
        model = Budget
        fields = ["usd", "stops"]

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self.fields["usd"].required = False

    def save(self, commit: bool = True) -> Budget | None:
        """Keep it, or remove it."""
        owner, wanted = self.instance.owner, self.cleaned_data
        if wanted["usd"] is None:
            Budget.objects.filter(owner=owner).delete()
            return None
        # Not by its id: another administrator may have made or removed it since this one's page was drawn.
        budget, _made = Budget.objects.update_or_create(owner=owner, defaults=wanted)
        return budget
