"""The format of log lines: text, or one JSON object each, for collectors; without the secrets of links."""

import copy
import json
import logging
import re
from datetime import UTC, datetime
from typing import Any

from ondol.request_id import job_id, request_id

_STANDARD = set(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "request"}
"""Attributes that a record has without `extra=`, and Django's request, which would show its query string."""


# Django logs the path of a failed request; a reader of the log must not be able to use such a link.
_LINK = re.compile(
    r"(/(?:awake|old-address|invitation|accounts/password/reset/key|accounts/confirm-email)/)[^/\s\"'>]+"
)


def without_links(line: str) -> str:
    """Return the line without the secrets of links in e-mails."""
    return _LINK.sub(r"\1…", line)


MAX_LINE = 32_768
"""The most characters of a line; the rest of a longer one, such as output of a machine, is left out."""


def printable(text: str, *, in_json: bool = False) -> str:
    """Return the text with an escape for each character that is not printed.

    Root on a machine, or the sender of a request, chooses text that is logged: it must not begin a new line, clear a
    terminal, or reverse the direction of text.
    """
    if text.isprintable():
        return text
    escape = _json_escape if in_json else _escape
    return "".join(character if character.isprintable() else escape(character) for character in text)


def _escape(character: str) -> str:
    return character.encode("unicode_escape").decode()


def _json_escape(character: str) -> str:
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))


def _shortened(line: str) -> str:
    return line if len(line) <= MAX_LINE else f"{line[:MAX_LINE]}… ({len(line)} characters)"


def _without_traceback(record: logging.LogRecord) -> logging.LogRecord:
    """Return the record; without the traceback if Django refused the request, such as a form that is too large."""
    if record.exc_info and record.name.startswith("django.security."):
        record = copy.copy(record)
        record.exc_info = record.exc_text = None
    return record


def _extra(record: logging.LogRecord) -> dict[str, object]:
    shared = {"request_id": request_id.get(), "job_id": job_id.get()}
    extra = {key: value for key, value in vars(record).items() if key not in _STANDARD}
    return extra | {key: value for key, value in shared.items() if value}


def _barred(text: str) -> str:
    return "\n".join(f"  | {printable(line)}" for line in _shortened(text).split("\n"))


class TextFormatter(logging.Formatter):
    """Formats a line for people: time with its zone, level, logger, message, and the small values of `extra=`."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:
        return datetime.fromtimestamp(record.created, UTC).astimezone().isoformat(" ", "milliseconds")

    def formatMessage(self, record: logging.LogRecord) -> str:
        words = [f"{key}={value}" for key, value in _extra(record).items() if isinstance(value, str | int | float)]
        return printable(_shortened(" ".join([super().formatMessage(record), *words])))

    def formatException(self, ei: Any) -> str:
        """Return the traceback over several lines, each after a bar, so that none looks like a line of the log."""
        return _barred(super().formatException(ei))

    def formatStack(self, stack_info: str) -> str:
        return _barred(stack_info)

    def format(self, record: logging.LogRecord) -> str:
        if record.exc_text:  # another formatter has cached its own form
            record = copy.copy(record)
            record.exc_text = None
        return without_links(super().format(_without_traceback(record)))


class JsonFormatter(logging.Formatter):
    """Formats time (UTC), level, logger, message, the values of `extra=`, and the traceback if any."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname,
            "logger": record.name,
            "message": _shortened(record.getMessage()),
        }
        line |= {key: _shortened(value) if isinstance(value, str) else value for key, value in _extra(record).items()}
        record = _without_traceback(record)
        if record.exc_info:
            line["exception"] = _shortened(self.formatException(record.exc_info))
        return without_links(printable(json.dumps(line, ensure_ascii=False, default=str), in_json=True))


def formatter() -> logging.Formatter:
    """Return the formatter that the settings ask for; also for the server that runs our application."""
    from ondol.config import config  # noqa: PLC0415  formatters alone need no settings

    return JsonFormatter() if config().log_format == "json" else TextFormatter()
