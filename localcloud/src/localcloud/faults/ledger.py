"""The calls so far, and every resource that ever existed: a test can compare this with what its client believes."""

import itertools
import time
from collections import deque
from dataclasses import asdict, dataclass
from typing import Any

from localcloud.cloud import Cloud
from localcloud.cloudwatch.alarms import Alarms

#: calls kept; a test that needs more reads them in between
LONGEST = 20_000


@dataclass
class Call:
    number: int
    real: float
    virtual: float
    service: str
    operation: str
    request: str  # its body, cut off
    status: int = 0  # 0: no answer was given
    fault: str = ""


class Ledger:
    def __init__(self, cloud: Cloud, alarms: Alarms) -> None:
        self.cloud = cloud
        self.alarms = alarms
        self.calls: deque[Call] = deque(maxlen=LONGEST)
        self.ever: dict[str, dict[str, dict[str, Any]]] = {}
        self._numbers = itertools.count(1)
        self.look()

    def call(self, service: str, operation: str, body: bytes) -> Call:
        text = body[:2000].decode(errors="replace")
        call = Call(next(self._numbers), time.time(), self.cloud.clock.now(), service, operation, text)
        self.calls.append(call)
        return call

    def since(self, number: int) -> list[dict[str, Any]]:
        return [asdict(call) for call in list(self.calls) if call.number > number]

    def look(self) -> None:
        """Record what exists, after each change, whether or not its answer arrived."""
        with self.cloud.lock:
            for kind, things in self.now().items():
                known = self.ever.setdefault(kind, {})
                for name, facts in things.items():
                    known.setdefault(name, {**facts, "made": self.cloud.clock.now()})

    def age(self, resource_id: str) -> float:
        """Return the seconds since a resource was created, on the cloud's clock; what is not recorded yet is new."""
        made = next((known[resource_id]["made"] for known in self.ever.values() if resource_id in known), None)
        return 0.0 if made is None else self.cloud.clock.now() - float(made)

    def now(self) -> dict[str, dict[str, dict[str, Any]]]:
        region = self.cloud.region
        groups = [group for groups in region.groups.values() for group in groups.values() if group.name != "default"]
        return {
            "instance": {m.id: {"state": m.phase.label, "token": m.asked_by_token} for m in region.machines},
            "security-group": {group.id: {"name": group.name} for group in groups},
            "key-pair": {key.id: {"name": key.key_name} for key in region.key_pairs.values()},
            "volume": {volume.id: {"size": volume.size} for volume in region.volumes.values()},
            "network-interface": {eni.id: {} for eni in region.enis.values()},
            "alarm": {alarm.name: {"state": str(alarm.state)} for alarm in self.alarms.known.values()},
        }
