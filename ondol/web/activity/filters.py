"""What the record is filtered by. A filter that is not valid says so, and finds nothing instead of everything."""

from datetime import date, datetime, time, timedelta

from django import forms
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db.models import Q, QuerySet
from django.http import QueryDict
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ondol.accounts.models import User
from ondol.accounts.text import clean
from ondol.audit.actions import Action, Outcome
from ondol.audit.models import Entry
from ondol.web.activity import kinds

_DAYS = (MinValueValidator(date(2000, 1, 1)), MaxValueValidator(date(9000, 1, 1)))
"""Days that are valid in every time zone, as is the day after them."""
_WRONG_DAY = {"invalid": gettext_lazy("Write a day as 2026-06-03.")}
_WRONG_CHOICE = {"invalid_choice": gettext_lazy("There is no such choice.")}


def _day(label: str | object) -> forms.DateField:
    return forms.DateField(
        label=label,  # type: ignore[arg-type]
        required=False,
        validators=_DAYS,
        error_messages=_WRONG_DAY,
        input_formats=["%Y-%m-%d"],
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )


class OwnFilterForm(forms.Form):
    """The filters of one's own part of the record; empty: everything."""

    kind = forms.ChoiceField(
        label=gettext_lazy("Event"), required=False, choices=kinds.choices, error_messages=_WRONG_CHOICE
    )
    outcome = forms.ChoiceField(
        label=gettext_lazy("Outcome"),
        required=False,
        choices=lambda: [("", _("All")), *Outcome.choices],
        error_messages=_WRONG_CHOICE,
    )
    since = _day(gettext_lazy("From"))
    until = _day(gettext_lazy("To"))

    use_required_attribute = False

    def __init__(self, query: QueryDict) -> None:
        super().__init__(query)

    def clean(self) -> None:
        """Refuse days that are the wrong way round."""
        since, until = self.cleaned_data.get("since"), self.cleaned_data.get("until")
        if since and until and since > until:
            self.add_error("until", _("The last day is before the first one."))

    @property
    def is_narrowed(self) -> bool:
        """Return whether something is left out, or is not valid."""
        return bool(self.errors) or any(self.cleaned_data.values())

    @property
    def kept(self) -> dict[str, str]:
        """Return the filters as query parameters, each name once."""
        return {name: value for name in self.fields if (value := self.data.get(name, ""))}

    def found(self, rows: QuerySet[Entry], *, is_whole: bool = False) -> QuerySet[Entry]:
        """Return the rows that match, each event once; `is_whole`: with all of its steps."""
        if self.errors:
            return rows.none()
        data = self.cleaned_data
        rows = rows.filter(kinds.whole(data["kind"]) if is_whole else kinds.wanted(data["kind"]))
        if outcome := data["outcome"]:
            rows = rows.filter(outcome=outcome)
        if since := data["since"]:
            rows = rows.filter(at__gte=_midnight(since))
        if until := data["until"]:
            rows = rows.filter(at__lt=_midnight(until + timedelta(days=1)))
        return rows


class FilterForm(OwnFilterForm):
    """The filters of an administrator: also whose rows."""

    q = forms.CharField(
        label=gettext_lazy("Person or IP address"),
        max_length=254,
        required=False,
        widget=forms.TextInput(attrs={"type": "search", "data-search": ""}),
    )
    field_order = ["q", "kind", "outcome", "since", "until"]

    def clean_q(self) -> str:
        """Return the search text in the form in which names are stored."""
        return clean(self.cleaned_data["q"])

    def found(self, rows: QuerySet[Entry], *, is_whole: bool = False) -> QuerySet[Entry]:
        """Return the rows that match."""
        rows = super().found(rows, is_whole=is_whole)
        if self.errors or not (words := self.cleaned_data["q"]):
            return rows
        same = _accounts(words)
        is_theirs = Q(on_email__icontains=words) | Q(by_email__icontains=words) | Q(address=words)
        return rows.filter(is_theirs | Q(on_id__in=same) | Q(by_id__in=same))


def _accounts(words: str) -> set[int]:
    """Return the accounts with this name or address, now or in a row: people may change theirs."""
    rows = Entry.objects.filter(Q(action=Action.EMAIL) & (Q(details__old__iexact=words) | Q(on_email__iexact=words)))
    now = User.objects.filter(Q(email__icontains=words) | Q(name__icontains=words)).values_list("pk", flat=True)
    return {*now, *filter(None, rows.values_list("on_id", flat=True))}


def _midnight(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min))
