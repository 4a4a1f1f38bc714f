"""Each call to AWS that was to change something, as a row of the record, in a transaction of its own."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from django.db import DatabaseError, connection

from ondol.audit.origin import Person
from ondol.audit.record import Action, Outcome, write
from ondol.cloud.aws_log import Call

log = logging.getLogger(__name__)
_owner: ContextVar[Person | None] = ContextVar("owner", default=None)


@contextmanager
def on_behalf_of(owner: Person) -> Iterator[None]:
    """Let the rows of calls within say whose machine they are about."""
    token = _owner.set(owner)
    try:
        yield
    finally:
        _owner.reset(token)


def note_call(call: Call) -> None:
    """Add the row. AWS has acted already: without a database the act goes on, and the log has what the row would."""
    outcome = Outcome.DONE if call.outcome == "ok" else Outcome.FAILED
    told: dict[str, Any] = {name: getattr(call, name) for name in ("service", "operation", "aws_request_id")}
    told |= call.targets
    try:
        write(Action.AWS, on=_owner.get(), outcome=outcome, code=call.code, **told)
    except DatabaseError as error:
        connection.close()
        log.error("a call to AWS has no row in the record: %s", error, extra=told)
