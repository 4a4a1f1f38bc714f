"""Each call to AWS that was to change something, as a row of the record, in a transaction of its own."""

import logging
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from queue import SimpleQueue
from typing import Any

from django.db import Error, connection

from ondol.audit.origin import Person
from ondol.audit.record import Action, Outcome, write
from ondol.cloud.aws_log import Call

log = logging.getLogger(__name__)
_owner: ContextVar[Person | None] = ContextVar("owner", default=None)
_rows: ContextVar["SimpleQueue[Call | None] | None"] = ContextVar("rows", default=None)
"""The queue for rows of calls in this thread, written by another one; None: this thread writes them."""


@contextmanager
def on_behalf_of(owner: Person) -> Iterator[None]:
    """Note in the rows of calls within this block whose machine they are about."""
    token = _owner.set(owner)
    try:
        yield
    finally:
        _owner.reset(token)


def side_by_side(steps: Sequence[Callable[[], None]]) -> list[Future[None]]:
    """Run all steps in parallel threads; return their finished futures. The calling thread writes the rows of their
    calls meanwhile: opening a connection to PostgreSQL for each thread would take longer, and delay a launch.
    """
    rows: SimpleQueue[Call | None] = SimpleQueue()
    token = _rows.set(rows)
    try:
        with ThreadPoolExecutor(max_workers=len(steps)) as pool:
            running = [pool.submit(copy_context().run, step) for step in steps]
            for one in running:
                one.add_done_callback(lambda done: rows.put(None))
            for _ in running:
                while call := rows.get():
                    _write(call)
    finally:
        _rows.reset(token)
    return running


def note_call(call: Call) -> None:
    """Add the row. AWS has acted already, so without a database the act goes on, and the log has the row's content."""
    if rows := _rows.get():
        rows.put(call)
    else:
        _write(call)


def _write(call: Call) -> None:
    outcome = Outcome.DONE if call.outcome == "ok" else Outcome.FAILED
    told: dict[str, Any] = {name: getattr(call, name) for name in ("service", "operation", "aws_request_id")}
    told |= call.targets
    try:
        write(Action.AWS, on=_owner.get(), outcome=outcome, code=call.code, **told)
    except Error as error:  # every database error, or later rows in the queue would be lost, too
        connection.close()
        log.error("a call to AWS has no row in the record: %s", error, extra=told)
