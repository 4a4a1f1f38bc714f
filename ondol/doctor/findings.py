"""What a check says: a code with its parameters, never a sentence, so that each reader has it in their language."""

from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any


class Level(StrEnum):
    """How much a finding matters."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    UNKNOWN = "unknown"
    """It could not be looked at; something else says why."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of a check-up. Its words are in `words.py`."""

    check: str
    level: Level
    code: str
    params: dict[str, str] = field(default_factory=dict)

    def stored(self) -> dict[str, Any]:
        """As JSON has it."""
        return asdict(self)

    @classmethod
    def read(cls, stored: dict[str, Any]) -> "Finding":
        """The reverse of `stored`."""
        return cls(stored["check"], Level(stored["level"]), stored["code"], stored["params"])


def ok(check: str, code: str, /, **params: object) -> Finding:
    """All is well."""
    return _finding(check, Level.OK, code, params)


def warning(check: str, code: str, /, **params: object) -> Finding:
    """It works, but somebody should look."""
    return _finding(check, Level.WARNING, code, params)


def failed(check: str, code: str, /, **params: object) -> Finding:
    """Machines cannot be made or used until it is mended."""
    return _finding(check, Level.FAILED, code, params)


def unknown(check: str, code: str, /, **params: object) -> Finding:
    """Nobody can tell."""
    return _finding(check, Level.UNKNOWN, code, params)


def _finding(check: str, level: Level, code: str, params: dict[str, object]) -> Finding:
    return Finding(check, level, code, {name: str(value) for name, value in params.items()})
