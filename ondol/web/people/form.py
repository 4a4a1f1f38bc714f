"""The form with which administrators decide about pending requests."""

from django import forms
from django.utils.translation import gettext_lazy as _

from ondol.accounts.text import ProseField


class DecisionForm(forms.Form):
    """A decision about one or several pending requests."""

    decision = forms.ChoiceField(choices=[("approve", ""), ("reject", "")])
    people = forms.TypedMultipleChoiceField(coerce=int)
    reason = ProseField(max_length=1000, required=False, widget=forms.Textarea(attrs={"rows": 2}))

    def __init__(self, *args: object, waiting: list[int], **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        field = self.fields["people"]
        assert isinstance(field, forms.TypedMultipleChoiceField)  # noqa: S101  for the type checker
        field.choices = [(pk, "") for pk in waiting]
        field.error_messages["required"] = _("Choose at least one person.")
