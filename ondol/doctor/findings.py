"""The result of a check: a code with its parameters, never a sentence, so that each reader has it in their language."""

from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any


class Level(StrEnum):
    """How much a finding matters."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    UNKNOWN = "unknown"
    """The state could not be checked; another finding says why."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of a check-up. Its words are in `messages.py`."""

    check: str
    level: Level
    code: str
    params: dict[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return the JSON for the database."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Finding":
        """Return the finding that `to_json` has written."""
        return cls(data["check"], Level(data["level"]), data["code"], data["params"])


def ok(check: str, code: str, /, **params: object) -> Finding:
    """Return a finding that all is well."""
    return _finding(check, Level.OK, code, params)


def warning(check: str, code: str, /, **params: object) -> Finding:
    """Return a finding that something works, but should be checked by a person."""
    return _finding(check, Level.WARNING, code, params)


def failed(check: str, code: str, /, **params: object) -> Finding:
    """Return a finding that machines cannot be made or used until it is fixed."""
    return _finding(check, Level.FAILED, code, params)


def unknown(check: str, code: str, /, **params: object) -> Finding:
    """Return a finding that a check was not possible."""
    return _finding(check, Level.UNKNOWN, code, params)


def _finding(check: str, level: Level, code: str, params: dict[str, object]) -> Finding:
    return Finding(check, level, code, {name: str(value) for name, value in params.items()})
