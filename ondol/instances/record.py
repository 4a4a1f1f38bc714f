"""What a line of a machine's record holds besides its statuses: the only place that knows the keys of its JSON.

Bills, receipts and one call to AWS depend on it, and lines are never deleted: a key that has been written once is
understood for ever. Standard library only.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from ondol.instances.states import Reason

PERIOD_MINUTES = 5
"""CloudWatch's period, and so the time that each value of a receipt stands for."""


@dataclass(frozen=True, slots=True)
class Size:
    """What a machine is made of."""

    instance_type: str
    volume_gib: int


@dataclass(frozen=True, slots=True)
class Wish:
    """A change of size that AWS has refused; what was not to change is empty."""

    instance_type: str = ""
    volume_gib: int = 0

    @property
    def names(self) -> tuple[str, ...]:
        """Return what was asked for: `instance_type`, `volume_gib` or both."""
        return tuple(name for name in ("instance_type", "volume_gib") if getattr(self, name))

    def to_json(self) -> dict[str, Any]:
        return _filled({"instance_type": self.instance_type, "volume_gb": self.volume_gib})

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Wish":
        return cls(data.get("instance_type", ""), data.get("volume_gb", 0))


@dataclass(frozen=True, slots=True)
class Failure:
    """Why Ondol gave something up."""

    code: str = ""
    """AWS's error code; empty where AWS did not refuse but was too late."""
    reference: str = ""
    """The reference that a person tells an administrator; the log has it, too."""


class Signal(StrEnum):
    """What shows that a machine works."""

    CPU = "cpu"
    DOWNLOAD = "download"
    UPLOAD = "upload"
    DISK = "disk"


@dataclass(frozen=True, slots=True)
class LastWork:
    """What a machine did last before it idled."""

    signal: Signal
    rate: float
    """Bytes per second; for the CPU, per cent of all vCPUs, as AWS measures it."""
    until: datetime

    def to_json(self) -> dict[str, Any]:
        return {"signal": self.signal, "rate": self.rate, "until": self.until.isoformat()}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "LastWork":
        return cls(Signal(data["signal"]), float(data["rate"]), datetime.fromisoformat(data["until"]))


@dataclass(frozen=True, slots=True)
class Receipt:
    """The measurements by which an idle stop was decided."""

    cpu: tuple[float, ...]
    """Per cent, averages of 5 minutes, oldest first; empty where AWS did not tell."""
    minutes: int
    percent: float
    """The threshold in per cent of all vCPUs, as the values are."""
    core_percent: float | None = None
    """The same in per cent of one core; None in lines older than this unit."""
    last_work: LastWork | None = None
    """None where nothing was seen to work in this run, and in the oldest lines."""

    @property
    def core_cpu(self) -> tuple[float, ...]:
        """Return the values in per cent of one core; lines older than this unit: as they are."""
        return tuple(value * self._to_core for value in self.cpu)

    @property
    def core_last_work(self) -> LastWork | None:
        """Return what it did last, with the CPU in the same unit as the values."""
        last = self.last_work
        return replace(last, rate=last.rate * self._to_core) if last and last.signal is Signal.CPU else last

    @property
    def _to_core(self) -> float:
        return self.core_percent / self.percent if self.core_percent and self.percent else 1

    @property
    def periods(self) -> int:
        """Return how many values the idle rule needs."""
        return self.minutes // PERIOD_MINUTES

    @property
    def missing(self) -> int:
        """Return how many values AWS decided without: a late value does not delay a stop if no other value is high."""
        return max(0, self.periods - len(self.cpu)) if self.cpu else 0

    def to_json(self) -> dict[str, Any]:
        core = {} if self.core_percent is None else {"core": self.core_percent}
        work = {"work": self.last_work.to_json()} if self.last_work else {}
        return {"cpu": list(self.cpu), "rule": {"minutes": self.minutes, "percent": self.percent} | core} | work

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Receipt | None":
        """Return None where the line is not about an idle stop."""
        rule, cpu = data.get("rule"), data.get("cpu")
        if not isinstance(rule, dict) or not isinstance(cpu, list):
            return None
        minutes, core = int(rule["minutes"] or PERIOD_MINUTES * len(cpu)), rule.get("core")
        last = LastWork.from_json(data["work"]) if data.get("work") else None
        return cls(tuple(cpu), minutes, float(rule["percent"]), None if core is None else float(core), last)


@dataclass(frozen=True, slots=True)
class Record:
    """The details of one line. What does not apply to it is empty."""

    size: Size | None = None
    """The size from then on, by which it costs. The oldest lines do not have it."""
    since: datetime | None = None
    """When the status began in AWS, if known: often earlier than it was noticed."""
    seen: str = ""
    """EC2's StateReason.Code."""
    failure: Failure | None = None
    receipt: Receipt | None = None
    status_reason: Reason | None = None
    """The reason for which the status was entered, at a change of size: that status stays the same."""
    refused: Wish | None = None

    def to_json(self) -> dict[str, Any]:
        """Return what the database keeps."""
        failure = self.failure or Failure()
        size = {"instance_type": self.size.instance_type, "volume_gb": self.size.volume_gib} if self.size else {}
        return _filled(
            size
            | {
                "since": self.since.isoformat() if self.since else "",
                "seen": self.seen,
                "code": failure.code,
                "reference": failure.reference,
                "status_reason": str(self.status_reason or ""),
                "wish": self.refused.to_json() if self.refused else {},
            }
        ) | (self.receipt.to_json() if self.receipt else {})

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Record":
        """Read a line that this version or any earlier one has written."""
        kind, gib = data.get("instance_type"), data.get("volume_gb")
        code, reference = data.get("code", ""), data.get("reference", "")
        return cls(
            size=Size(kind, gib) if kind and gib else None,
            since=datetime.fromisoformat(data["since"]) if data.get("since") else None,
            seen=data.get("seen", ""),
            failure=Failure(code, reference) if code or reference else None,
            receipt=Receipt.from_json(data) if "rule" in data else None,
            status_reason=Reason(data["status_reason"]) if data.get("status_reason") else None,
            refused=Wish.from_json(data["wish"]) if data.get("wish") else None,
        )


NOTHING = Record()
"""The record of a line that needs no details."""


def _filled(data: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in data.items() if value}
