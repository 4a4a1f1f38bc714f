"""The id shared by everything that one request has caused: its answer, log lines, jobs, and their calls to AWS."""

import re
import secrets
from contextvars import ContextVar

HEADER = "X-Request-ID"
_TAKEN = re.compile(r"[A-Za-z0-9._-]{8,64}")
"""What is accepted from a proxy: nothing that could begin another line of a log."""

request_id: ContextVar[str] = ContextVar("request_id", default="")
"""The id of the present request; empty without a request, such as in a periodic job."""
job_id: ContextVar[int | None] = ContextVar("job_id", default=None)
"""The id of the present job."""


def new_id() -> str:
    """Return an id that no other request has."""
    return secrets.token_hex(8)


def taken(text: str) -> str:
    """Return the id that a proxy has given, or a new one if that cannot be used."""
    return text if _TAKEN.fullmatch(text) else new_id()


def for_job() -> dict[str, str]:
    """Return the extra argument that passes this id to a job's worker.

    None without a request: workers of an earlier version do not know the argument.
    """
    current = request_id.get()
    return {"request_id": current} if current else {}
