"""People as a table for a spreadsheet."""

import csv
import io
from collections.abc import Iterator
from datetime import datetime

from django.utils import timezone
from django.utils.translation import gettext as _

from ondol.accounts.models import User
from ondol.web.costs.spreadsheet import cell
from ondol.web.people.page import PersonEntry, entries_of


def table(people: list[User]) -> str:
    """Return people as CSV; with a byte-order mark, without which Excel takes Korean for Latin."""
    text = io.StringIO("\ufeff", newline="")
    text.seek(0, io.SEEK_END)
    rows = csv.writer(text)
    rows.writerow([_("Name"), _("E-mail"), _("Affiliation"), _("Role"), _("Approval"), _("Requested"),
                   _("Last sign-in"), _("Machine"), _("Hours"), _("Total (USD)")])  # fmt: skip
    rows.writerows(map(_row, _entries(people)))
    return text.getvalue()


def _entries(people: list[User]) -> Iterator[PersonEntry]:
    yield from entries_of(people)


def _row(entry: PersonEntry) -> list[str]:
    person, bill = entry.person, entry.bill
    return [
        *map(cell, (person.name, person.email, person.affiliation)),
        *(str(person.get_role_display()), str(person.get_approval_display())),
        *(_time(person.created_at), _time(entry.signed_in_at)),
        entry.badge.word if entry.badge else "",
        *((f"{bill.hours:.3f}", str(bill.total.usd)) if bill else ("", "")),
    ]


def _time(value: datetime | None) -> str:
    return timezone.localtime(value).isoformat(timespec="seconds") if value else ""
