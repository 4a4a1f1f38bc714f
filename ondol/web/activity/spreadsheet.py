"""Rows of the record as a table for a spreadsheet."""

from collections.abc import Iterable, Iterator
from itertools import islice

from django.utils import timezone
from django.utils.translation import gettext as _

from ondol.audit.actions import Outcome
from ondol.audit.models import Entry
from ondol.web.activity.entries import Party, Row, details_for_programs, rows_of
from ondol.web.spreadsheet import Cell

_AT_ONCE = 2000


def heads() -> list[str]:
    """Return the first line, in the reader's language."""
    some = [_("Number"), _("Time"), _("Who"), _("Event"), _("Details"), _("Outcome"), _("On whom"), _("Through")]
    more = [_("Address"), _("Program"), _("Request"), _("Job"), _("Details (JSON)"), _("By (number)"), _("On (number)")]
    return [*some, *more]


def rows(entries: Iterable[Entry]) -> Iterator[list[Cell]]:
    """Yield a line for each row of the record."""
    left = iter(entries)
    while some := list(islice(left, _AT_ONCE)):
        yield from (_cells(entry, row) for entry, row in zip(some, rows_of(some), strict=True))


def _cells(entry: Entry, row: Row) -> list[Cell]:
    at = timezone.localtime(entry.at).isoformat(timespec="seconds")
    who, on = _named(row.by, entry.by_email) or row.who, _named(row.on, entry.on_email)
    outcome = row.outcome or str(Outcome.DONE.label)
    texts = (who, row.act, row.told, outcome, on, row.source or _("page"), row.address, row.agent, entry.request_id)
    job, by, about = (str(number or "") for number in (entry.job_id, entry.by_id, entry.on_id))
    return [str(entry.pk), at, *texts, job, details_for_programs(entry), by, about]


def _named(party: Party | None, address: str) -> str:
    """Return the present name, and the address in the row."""
    return f"{party.name} <{address}>" if party and party.pk and party.name != address else address
