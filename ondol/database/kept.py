"""Queries of every page: Django compiles their SQL once, and PostgreSQL plans them once per connection.

Compiling the SQL of a query with joins takes Django longer than PostgreSQL takes to answer it.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Generic, TypeVar, cast

import psycopg
from django.db import connection
from django.db.models import Model, QuerySet
from django.db.models.query import get_related_populators
from django.db.models.sql.compiler import SQLCompiler
from psycopg._queries import PostgresQuery
from psycopg.sql import Literal

M = TypeVar("M", bound=Model)
_ASKED: ContextVar[dict[tuple[object, ...], list[tuple[Any, ...]]] | None] = ContextVar("asked", default=None)


@contextmanager
def one_look() -> Iterator[None]:
    """Run no query twice while a page is rendered: its parts need the same rules and prices, and it changes nothing."""
    token = _ASKED.set({} if _ASKED.get() is None else _ASKED.get())
    try:
        yield
    finally:
        _ASKED.reset(token)


class _Prepared(psycopg.Cursor[Any]):
    """A cursor whose statements PostgreSQL keeps prepared for as long as the connection lasts."""

    def execute(self, query: Any, params: Any = None, **options: Any) -> "_Prepared":
        super().execute(query, params, prepare=True, **options)
        return self

    def _send_query_prepared(self, name: bytes, pgq: PostgresQuery, **options: Any) -> None:
        self._query = pgq  # Django reads the last statement here
        super()._send_query_prepared(name, pgq, **options)


@dataclass(frozen=True)
class _Written:
    """The compiled SQL of a query, and how its rows become objects."""

    sql: str
    """Constants are part of the SQL: only then does PostgreSQL know that a kept plan may use a partial index."""
    places: tuple[int, ...]
    """The number of the value of each parameter."""
    compiler: SQLCompiler
    converters: dict[int, Any]
    populators: list[Any]


class Kept(Generic[M]):
    """A query whose SQL does not depend on its values."""

    def __init__(self, query: Callable[..., QuerySet[Any, Any]], *likes: object) -> None:
        """Take the query, and sample values of the real number and types: all different, and unchanged in its SQL."""
        self._query, self._likes = query, likes

    def first(self, *values: object) -> M | None:
        """Return the first row, if there is any."""
        return next(iter(self.all(*values)), None)

    def all(self, *values: object) -> list[M]:
        """Return all rows."""
        return list(self._objects(self.rows(*values)))

    def rows(self, *values: object) -> list[tuple[Any, ...]]:
        """Return all rows as they are in the database; within `one_look`, as they were at its first query."""
        asked = _ASKED.get()
        if asked is None:
            return self._rows(*values)
        question = (self, *values)
        if question not in asked:
            asked[question] = self._rows(*values)
        return asked[question]

    def _rows(self, *values: object) -> list[tuple[Any, ...]]:
        written = self._written
        return rows_of(written.sql, [values[place] for place in written.places])

    def _objects(self, rows: list[tuple[Any, ...]]) -> Iterator[M]:
        written = self._written
        compiler = written.compiler
        info = compiler.klass_info
        assert info is not None  # noqa: S101  for the type checker
        assert compiler.select  # noqa: S101
        start, end = info["select_fields"][0], info["select_fields"][-1] + 1
        names = [column[0].target.attname for column in compiler.select[start:end]]
        for row in compiler.apply_converters(rows, written.converters):
            found = info["model"].from_db(connection.alias, names, row[start:end])
            for populator in written.populators:
                populator.populate(row, found)
            for name, column in compiler.annotation_col_map.items():
                setattr(found, name, row[column])
            yield found

    def _place(self, value: object) -> int | None:
        """Return the number of a sample value; Django has number classes of its own, and True equals 1."""
        for number, like in enumerate(self._likes):
            if isinstance(value, type(like)) and not isinstance(value, bool) and value == like:
                return number
        return None

    @cached_property
    def _written(self) -> _Written:
        connection.ensure_connection()  # needed to quote the constants
        compiler = self._query(*self._likes).query.get_compiler(connection.alias)
        sql, params = compiler.as_sql()
        places = [self._place(value) for value in params]
        asked = tuple(place for place in places if place is not None)
        if set(asked) != set(range(len(self._likes))):
            raise ValueError("what the query is asked with is not in its SQL as it is")
        sql, *others = sql.split("%s")
        for value, place, part in zip(params, places, others, strict=True):
            sql += ("%s" if place is not None else _literal(value)) + part
        select = compiler.select or []
        populators = get_related_populators(compiler.klass_info, select, connection.alias)  # type: ignore[call-arg]
        converters = compiler.get_converters([column[0] for column in select])
        return _Written(sql, asked, compiler, converters, populators)


def rows_of(sql: str, params: Sequence[object]) -> list[tuple[Any, ...]]:
    """Return all rows of a prepared statement."""
    connection.close_if_health_check_failed()  # as Django does before each cursor of its own
    connection.ensure_connection()
    with connection._prepare_cursor(_Prepared(connection.connection)) as cursor:  # type: ignore[attr-defined]
        cursor.execute(sql, params)
        return cast(list[tuple[Any, ...]], cursor.fetchall())


def _literal(constant: object) -> str:
    return Literal(constant).as_string(connection.connection).replace("%", "%%")
