"""Tables: which rows a query string asks for, in which order, and the links of heads, chips and pages.

The database filters, sorts and paginates. Unknown parameters are ignored.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Any, Generic, TypeVar
from urllib.parse import urlencode

from django.core import paginator
from django.db.models import F, Model, OrderBy, Q, QuerySet
from django.http import QueryDict
from django.utils.functional import Promise

from ondol.accounts.text import clean

PER_PAGE = 50
ANCHOR = "#table"
"""Links lead to the table, so that what they have changed is on the screen."""
HIDE = "hide"
"""The parameter with the keys of columns that are left out, joined by dots."""
M = TypeVar("M", bound=Model)


@dataclass(frozen=True, slots=True)
class Column:
    """A column. Without `order` it cannot be sorted by."""

    key: str
    word: str | Promise
    order: tuple[str, ...] = ()
    """Names of fields or annotations, the most important first; empty values come last."""
    is_descending: bool = False
    """True if the first click sorts the largest or newest first."""
    is_amount: bool = False
    is_hidden: bool = False
    """The head is for screen readers only."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One value of a filter, and the rows that it leaves."""

    value: str
    word: str | Promise
    rows: Q


@dataclass(frozen=True, slots=True)
class Filter:
    """A filter: at most one of its choices is in force."""

    key: str
    word: str | Promise
    choices: tuple[Choice, ...]


@dataclass(frozen=True, slots=True)
class Head:
    """The head of a column as it is shown."""

    word: str
    url: str
    sorted: str
    """`ascending`, `descending`, or empty: as `aria-sort` has it."""
    is_amount: bool
    is_hidden: bool


@dataclass(frozen=True, slots=True)
class Chip:
    """A choice as it is shown; a click on the one in force takes it back."""

    word: str
    url: str
    is_on: bool


@dataclass(frozen=True, slots=True)
class Chips:
    """The choices of one filter."""

    word: str
    chips: tuple[Chip, ...]


class Table(Generic[M]):
    """Rows as a query string asks for them."""

    search: str
    """What is looked for."""
    path: str
    """The page that has the table, if another address answers with it; else empty."""

    def __init__(
        self,
        query: QueryDict,
        rows: QuerySet[M],
        columns: Sequence[Column],
        sort: str,
        *,
        filters: Sequence[Filter] = (),
        searched: Sequence[str] = (),
        per_page: int = PER_PAGE,
        fixed: Mapping[str, str] = MappingProxyType({}),
        path: str = "",
        counted: Callable[[], int] | None = None,
    ) -> None:
        """`sort` is the key of the default column, `searched` are fields, `fixed` are other parameters that all links
        keep, and `counted` is the number of rows, if known."""
        self._query, self._rows, self._columns, self._per_page = query, rows, columns, per_page
        self._filters, self._searched, self._fixed, self.path = filters, searched, fixed, path
        self._counted = counted
        self.search = clean(query.get("q", "").replace("\x00", ""))[:200]  # PostgreSQL cannot store NUL
        self._sorted, self._descends = self._sort_asked_for(sort)
        self._default = sort

    @cached_property
    def rows(self) -> QuerySet[M]:
        """Return all rows that were asked for, sorted."""
        found = self._rows
        for one in self._filters:
            if choice := self._chosen(one):
                found = found.filter(choice.rows)
        if self.search:
            found = found.filter(self._match(self.search))
        return found.order_by(*(self._order(name) for name in self._sorted.order), "pk")

    @cached_property
    def page(self) -> paginator.Page[M]:
        """Return the rows of one page; for a number that does not exist, those of the nearest."""
        pages = paginator.Paginator(self.rows, self._per_page)
        if self._counted:
            pages.count = self._counted()
        return pages.get_page(self._query.get("page"))

    @property
    def count(self) -> int:
        """Return how many rows there are on all pages."""
        return self.page.paginator.count

    @property
    def is_narrowed(self) -> bool:
        """Return whether a search or a filter leaves rows out."""
        return bool(self.search) or any(self._chosen(one) for one in self._filters)

    @cached_property
    def heads(self) -> list[Head]:
        return [self._head(column) for column in self._columns]

    @cached_property
    def chips(self) -> list[Chips]:
        return [self._chips(one) for one in self._filters]

    @cached_property
    def column_chips(self) -> list[Chip]:
        """Return the columns that can be left out; those that are shown are on."""
        return [
            Chip(
                str(one.word),
                self._url({HIDE: ".".join(sorted(self._hidden ^ {one.key}))}),
                one.key not in self._hidden,
            )
            for one in self._optional
        ]

    @property
    def left_out(self) -> str:
        """Return the numbers of the columns that the styles hide, counted from 1."""
        return " ".join(str(n) for n, one in enumerate(self._columns, 1) if one.key in self._hidden)

    @cached_property
    def kept(self) -> list[tuple[str, str]]:
        """Return the parameters that a search keeps: names and values of hidden fields."""
        return [(name, value) for name, value in self._state.items() if name != "q"]

    @cached_property
    def query(self) -> str:
        """Return the query string, without the page."""
        return self._url({}, "").removeprefix(self.path)

    @property
    def shown(self) -> str:
        """Return search and filters in words; empty: all rows are shown."""
        words = [str(choice.word) for one in self._filters if (choice := self._chosen(one))]
        return ", ".join([*words, f"“{self.search}”"] if self.search else words)

    @property
    def narrowed_by(self) -> str:
        """Return search and filters as a query string; empty: all rows are shown."""
        names = ["q", *(one.key for one in self._filters)]
        return urlencode([(name, self._state[name]) for name in names if name in self._state])

    @property
    def all_url(self) -> str:
        """Return the address without search and filters."""
        return self._url({"q": "", **{one.key: "" for one in self._filters}})

    @property
    def previous_url(self) -> str:
        return self._url({"page": str(self.page.previous_page_number())})

    @property
    def next_url(self) -> str:
        return self._url({"page": str(self.page.next_page_number())})

    def _match(self, search: str) -> Q:
        found = Q()
        for name in self._searched:
            found |= Q(**{f"{name}__icontains": search})
        return found

    def _order(self, name: str) -> OrderBy:
        field = F(name)
        return field.desc(nulls_last=True) if self._descends else field.asc(nulls_last=True)

    def _sort_asked_for(self, default: str) -> tuple[Column, bool]:
        asked, known = self._query.get("sort", ""), {one.key: one for one in self._columns if one.order}
        if column := known.get(asked.removeprefix("-")):
            return column, asked.startswith("-")
        return known[default], known[default].is_descending

    def _chosen(self, one: Filter) -> Choice | None:
        asked = self._query.get(one.key)
        return next((choice for choice in one.choices if choice.value == asked), None)

    @property
    def _optional(self) -> list[Column]:
        """Return the columns that can be hidden: not the one that identifies a row, nor its buttons."""
        return [one for one in self._columns[1:] if not one.is_hidden]

    @cached_property
    def _hidden(self) -> set[str]:
        return {one.key for one in self._optional} & set(self._query.get(HIDE, "").split("."))

    @cached_property
    def _state(self) -> dict[str, str]:
        """Return the part of the address that is valid."""
        sort = f"{'-' if self._descends else ''}{self._sorted.key}"
        chosen = {one.key: choice.value for one in self._filters if (choice := self._chosen(one))}
        known = {**self._fixed, "q": self.search, **chosen, "sort": sort if "sort" in self._query else ""}
        known[HIDE] = ".".join(sorted(self._hidden))
        return {name: value for name, value in known.items() if value}

    def _url(self, changes: dict[str, str], anchor: str = ANCHOR) -> str:
        query = QueryDict(mutable=True)
        query.update({name: value for name, value in {**self._state, **changes}.items() if value})
        return f"{self.path}?{query.urlencode()}{anchor}"

    def _head(self, column: Column) -> Head:
        is_sorted = column is self._sorted
        descends = not self._descends if is_sorted else column.is_descending
        url = self._url({"sort": f"{'-' if descends else ''}{column.key}"}) if column.order else ""
        told = ("descending" if self._descends else "ascending") if is_sorted else ""
        return Head(str(column.word), url, told, column.is_amount, column.is_hidden)

    def _chips(self, one: Filter) -> Chips:
        chosen = self._chosen(one)
        chips = (
            Chip(str(c.word), self._url({one.key: "" if c is chosen else c.value}), c is chosen) for c in one.choices
        )
        return Chips(str(one.word), tuple(chips))


def ids_of(values: Sequence[Any], most: int = 1000) -> list[int]:
    """Return the keys of chosen rows, each once, in their order. Values that cannot be keys are left out."""
    found = dict.fromkeys(int(text) for value in values if (text := str(value)).isascii() and text.isdecimal())
    return [number for number in found if number < 2**63][:most]
