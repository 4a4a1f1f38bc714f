"""The format of log lines: text, or one JSON object each, for collectors; without the secrets of links."""

import json
import logging
import re
from datetime import UTC, datetime

_STANDARD = set(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


# Django names the path of a request that failed; whoever reads the log must not use such a link first.
_LINK = re.compile(r"(/(?:awake|accounts/password/reset/key|accounts/confirm-email)/)[^/\s\"'>]+")


def without_links(line: str) -> str:
    """Return the line without the secrets of links in e-mails."""
    return _LINK.sub(r"\1…", line)


def _extra(record: logging.LogRecord) -> dict[str, object]:
    return {key: value for key, value in vars(record).items() if key not in _STANDARD}


class TextFormatter(logging.Formatter):
    """Formats a line for people, with the small values of `extra=`, such as a reference number."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        words = [f"{key}={value}" for key, value in _extra(record).items() if isinstance(value, str | int | float)]
        return " ".join([super().formatMessage(record), *words])

    def format(self, record: logging.LogRecord) -> str:
        return without_links(super().format(record))


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
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return without_links(json.dumps(line, ensure_ascii=False, default=str))
