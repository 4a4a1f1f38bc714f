"""The record as a table: all of it for administrators, and everybody's own part."""

from functools import cached_property
from urllib.parse import urlencode

from django.db.models import Q, QuerySet
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from ondol import clock
from ondol.accounts.models import Decision, User
from ondol.audit.models import Entry
from ondol.instances.models import StatusChange
from ondol.policy.models import PolicyChange
from ondol.web.activity.entries import Day, days_of, rows_of
from ondol.web.activity.filters import FilterForm, OwnFilterForm
from ondol.web.activity.lines import Line, told
from ondol.web.page import Page
from ondol.web.tables import ANCHOR, Column, Head

PER_PAGE = 50
COLUMNS = (
    Column("time", _("Time")),
    Column("who", _("Who")),
    Column("what", _("Event")),
    Column("whom", _("On whom")),
    Column("from", _("Through")),
)


class Record:
    """One page of the matching rows, newest first.

    A page begins before or after a row: numbering pages would mean counting all rows, which takes longer each year.
    """

    def __init__(self, query: QueryDict, form: OwnFilterForm, rows: QuerySet[Entry], reader: User | None) -> None:
        self.form, self._reader = form, reader
        self._found = form.found(rows).order_by("-id")
        self._before, self._after = (_number(query.get(name, "")) for name in ("before", "after"))

    @cached_property
    def days(self) -> list[Day]:
        """Return the rows of the page, by day."""
        return days_of(rows_of(self._page[0], self._reader))

    @property
    def heads(self) -> list[Head]:
        columns = [one for one in COLUMNS if self.is_linked or one.key not in {"who", "whom"}]
        return [Head(str(one.word), "", "", is_amount=False, is_hidden=False) for one in columns]

    @property
    def is_linked(self) -> bool:
        """Return whether names lead to the people’s pages, which are for administrators."""
        return self._reader is None

    @property
    def is_narrowed(self) -> bool:
        return self.form.is_narrowed

    @property
    def all_url(self) -> str:
        """Return the address without filters."""
        return f"?{ANCHOR}"

    @property
    def query(self) -> str:
        """Return the filters as a query string."""
        return f"?{urlencode(self.form.kept)}"

    @property
    def newer_url(self) -> str:
        """Return the address of the page with newer rows; empty: this is the first."""
        entries, is_first, _is_last = self._page
        return "" if is_first else self._url(after=entries[0].pk) if entries else self._url()

    @property
    def older_url(self) -> str:
        entries, _is_first, is_last = self._page
        return "" if is_last else self._url(before=entries[-1].pk)

    @property
    def newest_url(self) -> str:
        return self._url()

    @property
    def is_end(self) -> bool:
        """Return whether nothing older is left."""
        return self._page[2]

    @cached_property
    def _page(self) -> tuple[list[Entry], bool, bool]:
        """Return the rows, and whether they are the newest and the oldest."""
        if self._after is not None:
            rows = list(self._found.filter(pk__gt=self._after).order_by("id")[: PER_PAGE + 1])
            if len(rows) > PER_PAGE:
                return rows[PER_PAGE - 1 :: -1], False, False
        rows = list((self._found if self._before is None else self._found.filter(pk__lt=self._before))[: PER_PAGE + 1])
        return rows[:PER_PAGE], self._before is None, len(rows) <= PER_PAGE

    def _url(self, **changes: int) -> str:
        return f"?{urlencode({**self.form.kept, **changes})}{ANCHOR}"


class ActivityPage(Page):
    """Show the record; at its end, what is older than the record: decisions, changes of machines and of rules."""

    template = "activity/page.html"
    form: FilterForm
    table: Record

    def __init__(self, query: QueryDict) -> None:
        self.form = FilterForm(query)
        self.table = Record(query, self.form, Entry.objects.all(), None)

    @cached_property
    def older(self) -> list[Line]:
        """Return the newest lines from before the record began: after an upgrade from a version without it."""
        if self.table.is_narrowed or not self.table.is_end:
            return []
        first = Entry.objects.order_by("id").first()
        before = first.at if first else clock.now()
        return told(
            Decision.objects.filter(at__lt=before).select_related("user", "by"),
            StatusChange.objects.filter(at__lt=before).select_related("instance__owner", "by").order_by("-at", "-id"),
            PolicyChange.objects.filter(at__lt=before).select_related("owner", "by"),
        )


class MyActivityPage(Page):
    """Show the reader's own part of the record."""

    template = "activity/mine.html"
    form: OwnFilterForm
    table: Record

    def __init__(self, query: QueryDict, reader: User) -> None:
        self.form = OwnFilterForm(query)
        rows = Entry.objects.filter(Q(on_id=reader.pk) | Q(by_id=reader.pk))
        self.table = Record(query, self.form, rows, reader)


def _number(text: str) -> int | None:
    """Return the number of a row; None if the text is none."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else None
