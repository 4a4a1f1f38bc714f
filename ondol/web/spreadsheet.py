"""Tables as CSV files: each download is recorded, and no text in a file is a formula."""

import csv
import io
import re
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

from django.http import HttpResponse

from ondol.audit.record import Action, write
from ondol.web.guards import PersonRequest

Cell = str | Decimal
"""A text, or an amount."""
_FORMULA = re.compile(r'[\s"]*[=+@\-＝＋－＠]|[\t\r]')
_NEXT_CELL = re.compile(r'(?<=[;\t\r\n])(?=[\s"]*[=+@\-＝＋－＠])')
"""Where a cell may begin within a text: in some countries, spreadsheets expect semicolons between cells. They read a
doubled quote as an empty quotation, and what follows as the beginning of the cell."""


def download(
    request: PersonRequest,
    what: str,
    heads: Sequence[str],
    rows: Iterable[Sequence[Cell]],
    *,
    named: str,
    narrowed_by: str = "",
    **details: Any,
) -> HttpResponse:
    """Return rows as a file, and note in the record who has taken how many, and what they were narrowed by.

    It has a byte-order mark, without which Excel takes Korean for Latin.
    """
    text, count = io.StringIO("\ufeff", newline=""), 0
    text.seek(0, io.SEEK_END)
    lines = csv.writer(text)
    lines.writerow(map(cell, heads))
    for count, row in enumerate(rows, 1):  # noqa: B007  the last number counts
        lines.writerow(map(cell, row))
    write(Action.EXPORT, by=request.user, what=what, filter=narrowed_by[:500], rows=count, **details)
    return HttpResponse(
        text.getvalue().encode(),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="ondol-{named}.csv"'},
    )


def cell(value: Cell) -> Cell:
    """Return a text in which no spreadsheet sees a formula; East Asian ones accept full-width signs, too."""
    if isinstance(value, Decimal):
        return value
    return ("'" if _FORMULA.match(value) else "") + _NEXT_CELL.sub("'", value)
