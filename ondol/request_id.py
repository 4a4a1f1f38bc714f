"""The id that everything shares which one request has caused: its answer, log lines, jobs, and their calls to AWS."""

import re
import secrets
from contextvars import ContextVar

HEADER = "X-Request-ID"
_TAKEN = re.compile(r"[A-Za-z0-9._-]{8,64}")
"""What is taken from a proxy: nothing that could begin another line of a log."""

request_id: ContextVar[str] = ContextVar("request_id", default="")
"""The request that is worked on here; empty where nobody has asked, such as in a periodic job."""
job_id: ContextVar[int | None] = ContextVar("job_id", default=None)
"""The job that is worked on here."""


def new_id() -> str:
    """Return an id that no other request has."""
    return secrets.token_hex(8)


def taken(text: str) -> str:
    """Return the id that a proxy has given, or a new one if it has given none that can be used."""
    return text if _TAKEN.fullmatch(text) else new_id()


def for_job() -> dict[str, str]:
    """Return what a job is given besides its own arguments, for its worker to go on under this id.

    Nothing where there is no request: a worker of an earlier version knows no such argument.
    """
    current = request_id.get()
    return {"request_id": current} if current else {}
