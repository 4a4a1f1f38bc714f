"""What holds for each answer, whatever was sent, where and by whom."""

import json
import logging
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlsplit

from django.db import connection
from django.http import HttpResponse

from ondol.logs import JsonFormatter, TextFormatter
from tests.web.fuzz.fields import Field
from tests.web.fuzz.payloads import MARK, PRODUCT, Payload
from tests.web.fuzz.world import KEY_OF, TOLD, World, undone

SECONDS = 3.0
"""Processor time that one request may take at most."""
BOOKKEEPING = {
    "django_session",
    "usersessions_usersession",
    "ondol_cache_entry",
    "procrastinate_jobs",
    "procrastinate_events",
}
WHOSE = ("owner_id", "user_id", "person_id", "whom_id", "account_id")
"""Columns that say whose a row is."""
_WRITE = re.compile(r'^\s*(INSERT INTO|UPDATE|DELETE FROM) "?(\w+)"?')
_FOLLOWED = {"href", "src", "action", "formaction", "hx-get", "hx-post"}
"""Attributes whose address a browser follows."""
_TRACE = re.compile(rb'Traceback \(most recent|File "/|psycopg\.|django\.db\.utils|\bLINE 1:')


class Log(logging.Handler):
    """All that was logged since it was last looked at, in both formats."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a record as both formats write it."""
        text = TextFormatter().format(record)
        if "\n" in text and not record.exc_info:
            text += " [MORE THAN ONE LINE]"
        self.lines += [text, JsonFormatter().format(record)]


class Writes:
    """The tables that statements write to."""

    def __init__(self) -> None:
        self.tables: set[str] = set()

    def __call__(self, execute: Any, sql: Any, params: Any, many: bool, context: Any) -> Any:
        if isinstance(sql, str) and (found := _WRITE.match(sql)):
            self.tables.add(found[2])
        return execute(sql, params, many, context)


class Judge:
    """Sends payloads and says what is wrong with what comes of them."""

    def __init__(self, world: World) -> None:
        self.world, self.log, self.writes = world, Log(), Writes()
        self._before: dict[str, dict[str, Any]] = {}
        self.slowest = (0.0, "")

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Hear what is logged, and what is written."""
        root = logging.getLogger()
        root.addHandler(self.log)
        try:
            with connection.execute_wrapper(self.writes):
                yield
        finally:
            root.removeHandler(self.log)

    def wrongs(self, role: str, field: Field, payload: Any) -> list[str]:
        """Return what is wrong with the answer to one payload."""
        self.log.lines.clear()
        self.writes.tables.clear()
        self._tables()
        with undone():
            began = time.thread_time()
            answer = self.world.send(role, field, payload.value if isinstance(payload, Payload) else payload)
            took = time.thread_time() - began
            found = [*self._of_answer(role, field, payload, answer), *self._of_log(field)]
            found += self._of_others(role, field)
        self.slowest = max(self.slowest, (took, f"{role} {field.label} {str(payload)[:80]}"))
        if took > SECONDS:
            found.append(f"{took:.1f} s of processor time")
        return found

    def _of_answer(self, role: str, field: Field, payload: Any, answer: HttpResponse) -> Iterator[str]:
        text = b"".join(answer) if answer.streaming else answer.content
        kind = answer.headers.get("Content-Type", "")
        if answer.status_code >= 500:
            yield f"{answer.status_code}"
        if _TRACE.search(text):
            yield f"a stack trace: {_TRACE.search(text)}"
        if PRODUCT.encode() in text:
            yield "evaluated"
        if field.is_api and field.kind != "path" and not _is_json(answer, text):
            yield f"no JSON: {answer.status_code} {kind} {text[:80]!r}"
        yield from _of_headers(answer)
        if kind.startswith("text/html"):
            yield from _of_html(payload, text)
        yield from self._of_secrets(role, field, text, str(answer.headers))

    def _of_secrets(self, role: str, field: Field, text: bytes, headers: str) -> Iterator[str]:
        me = self.world.people[role]
        numbers = set() if _is_letter(field) else set(TOLD.findall(text))
        for number in numbers:
            if role != "administrator" and (me is None or int(number) != me.pk):
                yield f"told of {int(number)}"
        whole = text.decode("utf-8", "replace")
        for secret, what in self.world.secrets.items():
            if secret in whole or secret in headers:
                mine = me is not None and what == f"{KEY_OF}{me.pk}" and ("key" in field.path)
                if not mine:
                    yield f"shows {what}"

    def _of_log(self, field: Field) -> Iterator[str]:
        for line in self.log.lines:
            if MARK in line and MARK not in field.label:
                yield f"what was typed is in the log: {line[:300]}"
            if "Traceback" in line or "MORE THAN ONE LINE" in line:
                yield f"log: {line[:3000]}"
            yield from (f"{what} is in the log" for secret, what in self.world.secrets.items() if secret in line)

    def _of_others(self, role: str, field: Field) -> Iterator[str]:
        """Yield rows of others that have changed; a link in a letter may do what it says."""
        me = self.world.people[role]
        if role == "administrator" or _is_letter(field):
            return
        for table in self.writes.tables - BOOKKEEPING:
            before, after = self._before.get(table, {}), _rows(table)
            for key in before.keys() | after.keys():
                old, new = before.get(key), after.get(key)
                if old != new and not _is_ones_own(table, me, old, new):
                    yield f"{table}: {old} became {new}"

    def _tables(self) -> None:
        """Look at all tables once; what a request writes is taken back."""
        if not self._before:
            self._before = {table: _rows(table) for table in connection.introspection.table_names()}


def _is_letter(field: Field) -> bool:
    """Return whether this is a link of a letter as it was sent: who has it may see and do what it says."""
    return re.match("/(awake|old-address|invitation)/.{9}", field.path) is not None


def _rows(table: str) -> dict[str, Any]:
    with connection.cursor() as cursor:
        cursor.execute(f'SELECT to_jsonb(t)::text FROM "{table}" t')
        rows = [json.loads(row) for (row,) in cursor.fetchall()]
    return {str(row.get("id", row)): row for row in rows}


def _is_ones_own(table: str, me: Any, old: Any, new: Any) -> bool:
    """Return whether somebody may change this row: it is theirs, or an account that a stranger asks for."""
    pk = me.pk if me else None
    if table == "accounts_user":
        rights = ("role", "approval", "is_active", "id")
        if old is None:
            return (new["role"], new["approval"]) == ("MEMBER", "PENDING")
        return old["id"] == pk and new is not None and all(old[name] == new[name] for name in rights)
    rows = [row for row in (old, new) if row is not None]
    if table == "account_emailaddress" and old is None:
        return not new["verified"]
    if not any(name in row for row in rows for name in WHOSE):
        return old is None or "instance_id" in rows[0] or table in {"instances_run", "instances_instance"}
    return all(row.get(name) in (pk, None) or (old is None and pk is None) for row in rows for name in WHOSE)


def _is_json(answer: HttpResponse, text: bytes) -> bool:
    """Return whether an answer of the API is JSON; a key is a file, which is checked as a secret."""
    if not text:
        return answer.status_code == 204 or bool(answer.request["REQUEST_METHOD"] == "HEAD")
    if answer.status_code == 200 and "attachment" in answer.headers.get("Content-Disposition", ""):
        return True
    if not answer.headers.get("Content-Type", "").startswith("application/json"):
        return False
    json.loads(text)
    return True


def _of_headers(answer: HttpResponse) -> Iterator[str]:
    for name, value in answer.headers.items():
        if re.search("[\r\n\0]", name + value) or MARK in name.lower() or (MARK in value and name != "Location"):
            yield f"header {name}: {value[:200]!r}"
    if any(MARK in name for name in answer.cookies):
        yield f"cookies {list(answer.cookies)}"
    place = answer.headers.get("Location", "/")
    host = urlsplit(place.replace("\\", "/")).netloc
    if host not in {"", "testserver"} or urlsplit(place).scheme not in {"", "http", "https"}:
        yield f"leads to {place[:200]!r}"


def _of_html(payload: Any, text: bytes) -> Iterator[str]:
    value = payload.value if isinstance(payload, Payload) else ""
    is_markup = isinstance(value, str) and MARK in value and re.search("[<>\"']", value)
    if is_markup and value.strip().encode("utf-8", "replace") in text:
        yield "not escaped"
    if MARK.encode() in text:
        yield from Elements(text.decode("utf-8", "replace")).wrong


class Elements(HTMLParser):
    """What of a page was made by what was typed: elements, attributes, scripts, and addresses elsewhere."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.wrong: list[str] = []
        self._is_code = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Look at names, and at what is followed."""
        self._is_code = tag in {"script", "style"}
        for name, value in [(tag, ""), *attrs]:
            if MARK in name.lower():
                self.wrong.append(f"element or attribute {name}")
            is_typed = MARK in (value or "")
            if is_typed and name in _FOLLOWED and not re.match("/(?![/\\\\])|\\?|http://testserver/", value or ""):
                self.wrong.append(f"{name}={value}")

    def handle_endtag(self, tag: str) -> None:
        """Note where code ends."""
        self._is_code = False

    def handle_data(self, data: str) -> None:
        """Look into code."""
        if self._is_code and MARK in data:
            self.wrong.append(f"in code: {data[:80]}")
