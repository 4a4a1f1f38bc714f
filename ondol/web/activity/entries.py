"""Rows of the record as pages and spreadsheets show them, and what they are filtered by."""

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from django import forms
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ondol.accounts.models import User
from ondol.audit.actions import Action, Outcome, Source
from ondol.audit.models import Entry
from ondol.web.costs.spreadsheet import cell
from ondol.web.policy.facts import changed

PER_PAGE = 50
_FOR_PROGRAMS = {"operation", "service", "aws_request_id", "letter", "text"}
"""Details that a page does not repeat, or has no room for; the file has them."""


_DAYS = (MinValueValidator(date(2000, 1, 1)), MaxValueValidator(date(9000, 1, 1)))
"""Days that are days in every zone, the day after them too."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row, in the reader's language."""

    at: datetime
    action: str
    on: str
    by: str
    outcome: str
    is_done: bool
    address: str
    agent: str
    source: str
    details: str
    shown: str
    """The details without those that a page has no room for."""
    request_id: str


class FilterForm(forms.Form):
    """What is looked for; empty: everything."""

    person = forms.CharField(label=gettext_lazy("Person"), max_length=254, required=False)
    action = forms.ChoiceField(label=gettext_lazy("What"), required=False)
    outcome = forms.ChoiceField(label=gettext_lazy("Outcome"), required=False)
    since = forms.DateField(
        label=gettext_lazy("From"),
        required=False,
        validators=_DAYS,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )
    until = forms.DateField(
        label=gettext_lazy("To"),
        required=False,
        validators=_DAYS,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self.fields["action"].choices = [("", _("Everything")), *Action.choices]  # type: ignore[attr-defined]
        self.fields["outcome"].choices = [("", _("All")), *Outcome.choices]  # type: ignore[attr-defined]

    def found(self) -> QuerySet[Entry]:
        """Return the rows, newest first; a field that is not valid filters nothing, and says so."""
        self.is_valid()
        data, rows = self.cleaned_data, Entry.objects.order_by("-id")
        if person := data.get("person"):
            same = _accounts(person)
            rows = rows.filter(
                Q(on_email__icontains=person) | Q(by_email__icontains=person) | Q(on_id__in=same) | Q(by_id__in=same)
            )
        if action := data.get("action"):
            rows = rows.filter(action=action)
        if outcome := data.get("outcome"):
            rows = rows.filter(outcome=outcome)
        if since := data.get("since"):
            rows = rows.filter(at__gte=_midnight(since))
        if until := data.get("until"):
            rows = rows.filter(at__lt=_midnight(until + timedelta(days=1)))
        return rows


def _accounts(address: str) -> list[int]:
    """Return the accounts that have this address now, or had it at a row: people may change theirs."""
    rows = Entry.objects.filter(
        Q(action=Action.EMAIL) & (Q(details__old__iexact=address) | Q(on_email__iexact=address))
    )
    now = User.objects.filter(email__iexact=address).values_list("pk", flat=True)
    return [*now, *filter(None, rows.values_list("on_id", flat=True))]


def of_person(user: User) -> QuerySet[Entry]:
    """Return what somebody did, or others did to them."""
    return Entry.objects.filter(Q(on_id=user.pk) | Q(by_id=user.pk)).order_by("-id")


def row_of(entry: Entry, reader: User | None = None) -> Row:
    """Return a row; for a `reader` without an administrator's eyes, where others have come from is left out."""
    is_others = reader is not None and entry.by_id != reader.pk and entry.by_email != ""
    done = entry.outcome == Outcome.DONE
    words = _word(Outcome, entry.outcome)
    return Row(
        at=entry.at,
        action=" · ".join(filter(None, [_word(Action, entry.action), _plain(entry.details.get("operation", ""))])),
        on=entry.on_email,
        by=entry.by_email,
        outcome=f"{words}: {entry.code}" if entry.code else words,
        is_done=done,
        address="" if is_others else entry.address,
        agent="" if is_others else entry.agent,
        source=_word(Source, entry.source),
        details=_told(entry.details),
        shown=_shown(entry),
        request_id=entry.request_id,
    )


def table(entries: Iterable[Entry]) -> Iterator[str]:
    """Return the lines of a CSV file; the first has a byte-order mark, without which Excel takes Korean for Latin."""
    heads = [_("Number"), _("Time"), _("What"), _("Outcome"), _("On whom"), _("By"), _("Through"), _("Address")]
    more = [_("Program"), _("Request"), _("Job"), _("Details"), _("By (number)"), _("On (number)")]
    yield "\ufeff" + _line([*heads, *more])
    for entry in entries:
        row = row_of(entry)
        texts = (row.action, row.outcome, row.on, row.by, row.source, row.address, row.agent, row.request_id)
        at = timezone.localtime(entry.at).isoformat(timespec="seconds")
        numbers = (entry.job_id, entry.by_id, entry.on_id)
        job, by, on = (str(number or "") for number in numbers)
        yield _line([str(entry.pk), at, *map(cell, texts), job, cell(row.details), by, on])


def _line(cells: Iterable[str]) -> str:
    text = io.StringIO(newline="")
    csv.writer(text).writerow(cells)
    return text.getvalue()


def _word(choices: type[Action] | type[Outcome] | type[Source], value: str) -> str:
    """Return its word; another version may have written one that this one does not know."""
    return str(choices(value).label) if value in choices.values else value


def _shown(entry: Entry) -> str:
    """Return the details for people: a change of rules in words."""
    details = {name: value for name, value in entry.details.items() if name not in _FOR_PROGRAMS}
    what = details.get("what")
    if entry.action == Action.POLICY and isinstance(what, dict):
        return ", ".join(filter(None, [changed(what), _told({k: v for k, v in details.items() if k != "what"})]))
    return _told(details)


def _told(details: Mapping[str, object]) -> str:
    return ", ".join(f"{name}: {_plain(value)}" for name, value in sorted(details.items()))


def _plain(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _midnight(day: object) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min))  # type: ignore[arg-type]
