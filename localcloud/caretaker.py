"""Carries each machine from one phase to the next when its seconds are over.

Act first, then say so: SSH answers before the state says running, and the processes are gone before it says stopped.
Whoever sees a state may rely on it.
"""

import asyncio
import logging
import time

from localcloud.boxes.boxes import Box, Boxes
from localcloud.cloud import Cloud
from localcloud.ec2.machine import Machine
from localcloud.ec2.states import REMEMBERED, SETTLES, State

log = logging.getLogger(__name__)

LONGEST_SLEEP = 30.0


class Caretaker:
    def __init__(self, cloud: Cloud, boxes: Boxes) -> None:
        self.cloud = cloud
        self.boxes = boxes
        self._woken = asyncio.Event()
        self._busy: dict[str, asyncio.Task[None]] = {}

    def start(self) -> asyncio.Task[None]:
        loop = asyncio.get_running_loop()
        self.cloud.wake = lambda: loop.call_soon_threadsafe(self._woken.set)
        for machine in self.cloud.region.machines:
            if machine.phase is State.RUNNING:
                self._open(machine)
        self.cloud.changed()
        return loop.create_task(self._run())

    async def _run(self) -> None:
        while True:
            self._woken.clear()
            self._look()
            try:
                await asyncio.wait_for(self._woken.wait(), self._next())
            except TimeoutError:
                pass

    def _look(self) -> None:
        with self.cloud.lock:
            for machine in self.cloud.region.machines:
                if machine.due is not None and machine.id not in self._busy:
                    task = asyncio.get_running_loop().create_task(self._carry(machine))
                    self._busy[machine.id] = task
                    task.add_done_callback(lambda _, key=machine.id: self._done(key))  # type: ignore[misc]
            self._forget()
            self.cloud.save()

    def _done(self, instance_id: str) -> None:
        task = self._busy.pop(instance_id)
        if not task.cancelled() and task.exception():
            log.error("machine %s is stuck", instance_id, exc_info=task.exception())
        self._woken.set()

    def _next(self) -> float:
        """Terminated machines disappear on the cloud's clock; everything else wakes us itself."""
        gone = [m.gone_at + REMEMBERED for m in self.cloud.region.machines if m.gone_at is not None]
        waits = [self.cloud.clock.real_seconds_until(at) for at in gone]
        return max(0.05, min([LONGEST_SLEEP, *waits]))

    async def _carry(self, machine: Machine) -> None:
        phase = machine.phase
        if phase in (State.STOPPING, State.SHUTTING_DOWN):
            await self.boxes.close(machine.id)
        await asyncio.sleep(max(0.0, (machine.due or 0.0) - time.time()))
        with self.cloud.lock:
            if machine.phase is not phase:  # terminated while it was stopping, say: the next look carries that on
                return
            if phase is State.PENDING:
                self._open(machine)
            if phase is State.SHUTTING_DOWN:
                self._remove(machine)
            if phase is State.STOPPING:
                machine.address = None
            machine.enter(SETTLES[phase])
            self.cloud.changed()
            log.info("%s is %s", machine.id, machine.phase.label)

    def _open(self, machine: Machine) -> None:
        assert machine.primary is not None
        box = Box(
            instance_id=machine.id,
            number=machine.number,
            private_ip=str(machine.primary.private_ip_address),
            public_key=machine.boot_key,
            host_key=machine.host_key,
        )
        taken = {other.address for other in self.cloud.region.machines if other.address}
        before = machine.address
        machine.address = self.boxes.open(box, before, taken, machine.admits, machine.wants_public_address)
        if before and machine.address != before:
            log.warning("%s had to move from %s to %s", machine.id, before, machine.address)
        if machine.phase is State.PENDING:
            machine.running_since = time.time()

    def _remove(self, machine: Machine) -> None:
        self.boxes.remove(machine.id)
        self.cloud.region.dismantle(machine)
        machine.gone_at = self.cloud.clock.now()

    def _forget(self) -> None:
        now = self.cloud.clock.now()
        for machine in self.cloud.region.machines:
            if machine.gone_at is not None and now - machine.gone_at >= REMEMBERED:
                self.cloud.region.forget(machine)
                self.cloud.changed()
