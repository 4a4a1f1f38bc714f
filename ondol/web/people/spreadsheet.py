"""People as a table for a spreadsheet."""

from collections.abc import Iterable, Iterator
from datetime import datetime

from django.utils import timezone
from django.utils.translation import gettext as _

from ondol.web.people.page import PersonEntry
from ondol.web.spreadsheet import Cell


def heads() -> list[str]:
    """Return the first line, in the reader's language."""
    return [_("Name"), _("E-mail"), _("Affiliation"), _("Role"), _("Approval"), _("Account since"),
            _("Last sign-in"), _("Machine"), _("Hours"), _("Total (USD)")]  # fmt: skip


def rows(entries: Iterable[PersonEntry]) -> Iterator[list[Cell]]:
    """Yield a line for each person."""
    for entry in entries:
        person, bill = entry.person, entry.bill
        yield [
            *(person.name, person.email, person.affiliation),
            *(str(person.get_role_display()), str(person.get_approval_display())),
            *(_time(person.created_at), _time(entry.signed_in_at)),
            entry.badge.word if entry.badge else "",
            *((f"{bill.hours:.3f}", bill.total.usd) if bill else ("", "")),
        ]


def _time(value: datetime | None) -> str:
    return timezone.localtime(value).isoformat(timespec="seconds") if value else ""
