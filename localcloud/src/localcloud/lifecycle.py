"""Carries each machine from one state to the next when its seconds are over.

It acts first and then changes the state: SSH answers before the state is running, and the processes have ended before
it is stopped. Clients may rely on a state that they see.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Coroutine

from localcloud.cloud import COLLECT_FOR, Cloud
from localcloud.ec2.machine import FROM_INSIDE, OUR_FAULT, Machine
from localcloud.ec2.states import REMEMBERED, SETTLES, Refused, State
from localcloud.sandboxes.sandboxes import Sandbox, Sandboxes

log = logging.getLogger(__name__)

LONGEST_SLEEP = 30.0


class Lifecycle:
    def __init__(self, cloud: Cloud, sandboxes: Sandboxes) -> None:
        self.cloud = cloud
        self.sandboxes = sandboxes
        self._woken = asyncio.Event()
        self._busy: dict[str, asyncio.Task[None]] = {}

    def start(self) -> asyncio.Task[None]:
        """Start the loop. Machines that were running run again, at the address they had."""
        self._loop = asyncio.get_running_loop()
        self.cloud.wake = self._wake
        self.sandboxes.switched = self._switched
        with self.cloud.lock:
            for machine in self.cloud.region.machines:
                if machine.phase is State.RUNNING and not self._opened(machine):
                    machine.enter(State.STOPPED)
            self.cloud.commit()
        return self._loop.create_task(self._run())

    def _wake(self) -> None:
        """Wake the loop, from any thread."""
        self._loop.call_soon_threadsafe(self._woken.set)

    async def _run(self) -> None:
        while True:
            self._woken.clear()
            with self.cloud.lock:  # requests create machines meanwhile
                self._look()
                seconds = self._next()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._woken.wait()

    def _look(self) -> None:
        for machine in self.cloud.region.machines:
            if machine.id in self._busy:
                continue
            if machine.due is not None:
                self._begin(machine, self._carry(machine))
            elif machine.reboot_asked:
                self._begin(machine, self._reboot(machine))
        self._forget()
        self.cloud.commit()

    def _begin(self, machine: Machine, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._busy[machine.id] = task
        task.add_done_callback(lambda _: self._done(machine))

    def _done(self, machine: Machine) -> None:
        task = self._busy.pop(machine.id)
        if not task.cancelled() and task.exception():
            log.error("machine %s is stuck in %s", machine.id, machine.phase.label, exc_info=task.exception())
            machine.due = None  # or it would be tried again at once, for ever
        self._woken.set()

    def _next(self) -> float:
        """Return the seconds to wait.

        Terminated machines disappear on the cloud's clock; all other events wake the loop.
        """
        gone = [m.gone_at + REMEMBERED for m in self.cloud.region.machines if m.gone_at is not None]
        waits = [self.cloud.clock.real_seconds_until(at) for at in gone]
        longest = COLLECT_FOR if self.cloud.behind else LONGEST_SLEEP
        return max(0.05, min([longest, *waits]))

    async def _carry(self, machine: Machine) -> None:
        phase = machine.phase
        if phase in (State.STOPPING, State.SHUTTING_DOWN):
            await self.sandboxes.close(machine.id)
        await asyncio.sleep(max(0.0, (machine.due or 0.0) - time.time()))
        with self.cloud.lock:
            if machine.phase is not phase:  # for example, terminated while it was stopping: the next round continues
                return
            machine.enter(self._settle(machine))
            self.cloud.touch()
            self.cloud.commit()
        log.info("%s is %s", machine.id, machine.phase.label)
        if phase is State.SHUTTING_DOWN:
            await self.sandboxes.remove(machine.id)

    def _settle(self, machine: Machine) -> State:
        if machine.undone:
            return self._undone(machine, machine.undone)
        if machine.phase is State.PENDING and not self._opened(machine):
            return State.STOPPED
        if machine.phase is State.STOPPING:
            machine.address = None
        if machine.phase is State.SHUTTING_DOWN:
            self.cloud.region.dismantle(machine)
            machine.gone_at = self.cloud.clock.now()
        return SETTLES[machine.phase]

    def _undone(self, machine: Machine, reason: tuple[str, str]) -> State:
        """End a start that EC2 undoes: a machine that has run before is stopped again, a new one is terminated."""
        machine.undone = None
        if machine.phase is not State.PENDING:
            return self._settle(machine)
        machine.because(reason, self.cloud.clock.now())
        if machine.running_since:
            return State.STOPPED
        self.cloud.region.dismantle(machine)
        machine.gone_at = self.cloud.clock.now()
        return State.TERMINATED

    def _opened(self, machine: Machine) -> bool:
        """Open the sandbox; return whether that worked. A failure of one machine must not stop the others."""
        try:
            self._open(machine)
        except Exception:
            log.exception("%s could not start", machine.id)
            machine.because(OUR_FAULT, self.cloud.clock.now())
            machine.address = None
            return False
        return True

    def _open(self, machine: Machine) -> None:
        sandbox = Sandbox(
            instance_id=machine.id,
            number=machine.number,
            private_ip=str(machine.private_ip),
            public_key=machine.boot_key,
            host_key=machine.host_key,
        )
        taken = {other.address for other in self.cloud.region.machines if other.address}
        before = machine.address
        machine.address = self.sandboxes.open(
            sandbox, before, taken, machine.admits, machine.invites, machine.wants_public_address
        )
        self.cloud.touch()
        if before and machine.address != before:
            log.warning("%s had to move from %s to %s", machine.id, before, machine.address)
        if machine.phase is State.PENDING:
            machine.running_since = time.time()

    async def _reboot(self, machine: Machine) -> None:
        """Reboot: same address, new processes. The state says running all the while, as it does on EC2."""
        machine.reboot_asked = False
        await self.sandboxes.close(machine.id)
        with self.cloud.lock:
            if machine.phase is State.RUNNING:
                self._open(machine)

    def _switched(self, instance_id: str, word: str) -> None:
        """Handle `poweroff` or `reboot` from inside the sandbox."""
        with self.cloud.lock:
            machine = self.cloud.region.machine(instance_id)
            if machine is None or machine.phase is not State.RUNNING:
                return
            request = "terminate" if machine.instance_initiated_shutdown_behavior == "terminate" else "stop"
            with contextlib.suppress(Refused):
                self.cloud.ask("reboot" if word == "reboot" else request, machine, FROM_INSIDE)
            self.cloud.commit()

    def _forget(self) -> None:
        now = self.cloud.clock.now()
        for machine in self.cloud.region.machines:
            if machine.gone_at is not None and now - machine.gone_at >= REMEMBERED:
                self.cloud.region.forget(machine)
                self.cloud.touch()
