"""Everything that one request may touch, behind one lock: moto is not thread-safe.

A change is on disk before its answer is sent, so nothing that a client has seen is ever lost.
"""

import logging
import threading
import time
from collections.abc import Callable

from localcloud.clock import Clock
from localcloud.ec2.backend import Region
from localcloud.ec2.machine import USER, Machine
from localcloud.ec2.states import TRANSITION_TAKES, State, after
from localcloud.home import Identity
from localcloud.persistence import Database
from localcloud.quotas import Quotas

log = logging.getLogger(__name__)

#: above this many milliseconds of writing, changes are collected for a while
SLOW_SAVE = 0.05
COLLECT_FOR = 2.0
NO_LIMITS = Quotas()


class Cloud:
    def __init__(
        self, identity: Identity, clock: Clock, database: Database, hurry: float = 1.0, quotas: Quotas = NO_LIMITS
    ) -> None:
        self.identity = identity
        self.clock = clock
        self.database = database
        self.quotas = quotas
        self.hurry = hurry  # how many times faster than usual a machine boots and stops
        self.lock = threading.RLock()
        self.region = self._load()
        self.wake: Callable[[], None] = lambda: None  # tells the lifecycle that a phase has begun
        #: whether a resource is so new that its tags are not seen everywhere yet; a fault rule may say so
        self.is_too_new: Callable[[str], bool] = lambda resource_id: False
        self._save_took = 0.0
        self._saved_at = 0.0
        self._unsaved = False

    def _load(self) -> Region:
        region: Region | None = self.database.load("ec2")
        if region is None:
            region = Region(self.identity.region, self.identity.account_id)
            log.info("a new region %s, account %s", region.region_name, region.account_id)
        return region

    def touch(self) -> None:
        """Mark the region as different from what is on disk; `commit` follows before anybody gets an answer."""
        self._unsaved = True
        self.wake()  # so that the lifecycle continues when writing was put off

    def commit(self) -> None:
        """Write now, or within two seconds if writing has become slow."""
        if not self._unsaved:
            return
        if self._save_took < SLOW_SAVE or time.monotonic() - self._saved_at > COLLECT_FOR:
            self.save()

    @property
    def behind(self) -> bool:
        """Return whether a change is not on disk yet."""
        return self._unsaved

    def save(self) -> None:
        with self.lock:
            if not self._unsaved:
                return
            began = time.monotonic()
            self.database.save("ec2", self.region)
            self._saved_at = time.monotonic()
            self._save_took = self._saved_at - began
            self._unsaved = False

    def begins(self, machine: Machine) -> None:
        """Begin a launch: pending for its first seconds. The caller holds the lock."""
        machine.enter(State.PENDING, due=time.time() + TRANSITION_TAKES / self.hurry)
        self.touch()

    def may(self, request: str, machine: Machine) -> None:
        """Raise states.Refused if `ask` would."""
        after(request, machine.id, machine.phase)

    def ask(self, request: str, machine: Machine, reason: tuple[str, str] = USER) -> State:
        """Start, stop or terminate; return the previous state. Raises states.Refused. The caller holds the lock."""
        before = machine.phase
        reached = after(request, machine.id, before)
        if request == "reboot":
            machine.reboot_asked = True
            self.wake()
        if reached is before:
            return before
        machine.enter(reached, due=time.time() + TRANSITION_TAKES / self.hurry)
        if reached is State.PENDING:
            machine.starts_again(self.clock.now())
        else:
            machine.because(reason, self.clock.now())
        self.touch()
        return before
