"""The format of log lines: text, or one JSON object each, for collectors; without the secrets of links."""

import copy
import json
import logging
import re
from datetime import UTC, datetime

from ondol.request_id import job_id, request_id

_STANDARD = set(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "request"}
"""What a record has without `extra=`; and Django's request, which is shown with its query string."""


# Django names the path of a request that failed; whoever reads the log must not use such a link first.
_LINK = re.compile(r"(/(?:awake|accounts/password/reset/key|accounts/confirm-email)/)[^/\s\"'>]+")


def without_links(line: str) -> str:
    """Return the line without the secrets of links in e-mails."""
    return _LINK.sub(r"\1…", line)


def _without_traceback(record: logging.LogRecord) -> logging.LogRecord:
    """Return the record without the traceback of what Django refuses, such as too large a form: anybody can send it."""
    if record.exc_info and record.name.startswith("django.security."):
        record = copy.copy(record)
        record.exc_info = record.exc_text = None
    return record


def _extra(record: logging.LogRecord) -> dict[str, object]:
    shared = {"request_id": request_id.get(), "job_id": job_id.get()}
    extra = {key: value for key, value in vars(record).items() if key not in _STANDARD}
    return extra | {key: value for key, value in shared.items() if value}


class TextFormatter(logging.Formatter):
    """Formats a line for people: time with its zone, level, logger, message, and the small values of `extra=`."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:
        return datetime.fromtimestamp(record.created, UTC).astimezone().isoformat(" ", "milliseconds")

    def formatMessage(self, record: logging.LogRecord) -> str:
        words = [f"{key}={value}" for key, value in _extra(record).items() if isinstance(value, str | int | float)]
        return " ".join([super().formatMessage(record), *words])

    def format(self, record: logging.LogRecord) -> str:
        return without_links(super().format(_without_traceback(record)))


class JsonFormatter(logging.Formatter):
    """Formats time (UTC), level, logger, message, the values of `extra=`, and the traceback if any."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        line |= _extra(record)
        record = _without_traceback(record)
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return without_links(json.dumps(line, ensure_ascii=False, default=str))


def formatter() -> logging.Formatter:
    """Return the formatter that the settings ask for; also for the server that runs our application."""
    from ondol.config import config  # noqa: PLC0415  formatters alone need no settings

    return JsonFormatter() if config().log_format == "json" else TextFormatter()
