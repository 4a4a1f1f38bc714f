"""The form of a message."""

from django import forms
from django.utils.translation import gettext_lazy as _

from ondol.accounts.admin_messages import SUBJECT_MAX, TEXT_MAX
from ondol.accounts.models import validate_prose, validate_shown
from ondol.accounts.text import LineField, ProseField
from ondol.web.people.form import RowsField


class MessageForm(forms.Form):
    """A subject and a text for selected people."""

    people = RowsField()
    subject = LineField(label=_("Subject"), max_length=SUBJECT_MAX, validators=[validate_shown])
    text = ProseField(
        label=_("Text"), max_length=TEXT_MAX, validators=[validate_prose], widget=forms.Textarea(attrs={"rows": 8})
    )
