"""Forms of the costs pages: the rate of the won, and budgets."""

from datetime import date

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from ondol import clock
from ondol.costs.models import Budget, ExchangeRate

_AWS_BEGAN = date(2006, 3, 14)


class RateForm(forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable at run time
    """The exchange rate of the won, and its date."""

    class Meta:
        model = ExchangeRate
        fields = ["krw", "as_of"]
        labels = {"krw": _("Won per US dollar"), "as_of": _("Date of the rate")}
        widgets = {"as_of": forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")}

    def clean_as_of(self) -> date:
        """Return a day on which the rate can have been read."""
        day: date = self.cleaned_data["as_of"]
        if not _AWS_BEGAN <= day <= timezone.localdate(clock.now()):
            raise forms.ValidationError(_("Give the day that the rate is of: today, or before."))
        return day


class BudgetForm(forms.ModelForm):  # type: ignore[type-arg]
    """A budget; an empty amount removes it."""

    class Meta:
        model = Budget
        fields = ["usd", "stops"]
        labels = {"stops": _("Stop the machine when the budget is used up")}

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self.fields["usd"].required = False

    def save(self, commit: bool = True) -> Budget | None:
        """Save the budget, or remove it."""
        owner, wanted = self.instance.owner, self.cleaned_data
        if wanted["usd"] is None:
            Budget.objects.filter(owner=owner).delete()
            return None
        # Not by its id: another administrator may have made or removed it since this page was drawn.
        budget, _made = Budget.objects.update_or_create(owner=owner, defaults=wanted)
        return budget
