"""All boxes of this cloud: open one when its machine runs, close it when it stops, remove it when it is terminated."""

import asyncio
import contextlib
import logging
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass

from localcloud.boxes import folders, power
from localcloud.boxes.addresses import listen, listen_somewhere
from localcloud.boxes.conversation import Conversation
from localcloud.boxes.isolation import Isolation
from localcloud.boxes.plan import Plan
from localcloud.boxes.ssh import Admits, SshMachine

log = logging.getLogger(__name__)

#: seconds between a polite signal and the other one
LAST_WORDS = 1.0


@dataclass(frozen=True)
class Box:
    """What the EC2 side tells about a machine that is to run."""

    instance_id: str
    number: int
    private_ip: str
    public_key: str
    host_key: str


class Boxes:
    """Used from the event loop's thread."""

    def __init__(self, keeper: Conversation, isolation: Isolation, port: int) -> None:
        self.root = isolation.root
        self.keeper = keeper
        self.isolation = isolation
        self.port = port
        self.open_machines: dict[str, SshMachine] = {}
        self.switches: dict[str, int] = {}
        self.switched: Callable[[str, str], None] = lambda box, word: None

    def plan(self, instance_id: str, number: int, private_ip: str) -> Plan:
        first = self.isolation.first_uid
        return Plan(
            box=instance_id,
            folder=str((self.root / instance_id).absolute()),
            hostname="ip-" + private_ip.replace(".", "-"),
            uid=None if first is None else first + number,
            namespaces=self.isolation.namespaces,
        )

    def open(self, box: Box, address: str | None, taken: set[str], admits: Admits, public: bool) -> str | None:
        """Start its SSH server and return its address: the given one where it still can be had, or a new one."""
        plan = self.plan(box.instance_id, box.number, box.private_ip)
        folders.make(plan, box.public_key)
        machine = SshMachine(plan, box.public_key, box.host_key, self.keeper, admits)
        if public:
            listener = None
            if address:
                with contextlib.suppress(OSError):
                    listener = listen(address, self.port)
            if listener is None:
                address, listener = listen_somewhere(self.port, taken)
            machine.open(listener)
        self.open_machines[box.instance_id] = machine
        self._watch_switch(plan)
        return address if public else None

    def _watch_switch(self, plan: Plan) -> None:
        """For reading and writing, so that it never ends when a writer closes it."""
        switch = os.open(plan.tools / "switch", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        self.switches[plan.box] = switch
        asyncio.get_running_loop().add_reader(switch, self._switch, plan.box, switch)

    def _switch(self, instance_id: str, switch: int) -> None:
        word = power.read(switch)
        if word:
            self.switched(instance_id, word)

    def _unwatch_switch(self, instance_id: str) -> None:
        switch = self.switches.pop(instance_id, None)
        if switch is not None:
            asyncio.get_running_loop().remove_reader(switch)
            os.close(switch)

    async def close(self, instance_id: str) -> None:
        """Everybody out, then every process: TERM, a second, KILL."""
        machine = self.open_machines.pop(instance_id, None)
        self._unwatch_switch(instance_id)
        if machine:
            machine.close()
        left = await self.keeper.end(instance_id, signal.SIGTERM)
        until = time.monotonic() + LAST_WORDS
        while left and time.monotonic() < until:
            await asyncio.sleep(0.1)
            left = await self.keeper.end(instance_id, 0)
        until += LAST_WORDS
        while left and time.monotonic() < until:  # a process that hangs in the kernel survives even this
            left = await self.keeper.end(instance_id, signal.SIGKILL)
            await asyncio.sleep(0.05)
        if machine:
            folders.empty_tmp(machine.plan)

    async def remove(self, instance_id: str) -> None:
        """The disk goes with the machine: out of sight at once, off the disk in a while."""
        folders.set_aside(self.plan(instance_id, 0, ""))
        await asyncio.to_thread(folders.sweep, self.root)

    def close_all(self) -> None:
        """At the end of the cloud; the keeper ends the processes."""
        for instance_id, machine in self.open_machines.items():
            self._unwatch_switch(instance_id)
            machine.close()
        self.open_machines.clear()
