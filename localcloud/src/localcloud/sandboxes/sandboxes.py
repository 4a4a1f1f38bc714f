"""All sandboxes of this cloud: opened when a machine runs, closed when it stops, removed when it is terminated."""

import asyncio
import contextlib
import logging
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass

from localcloud.sandboxes import folders, power
from localcloud.sandboxes.addresses import listen, listen_somewhere
from localcloud.sandboxes.carried import Carried
from localcloud.sandboxes.conversation import Conversation
from localcloud.sandboxes.isolation import Isolation
from localcloud.sandboxes.plan import Plan
from localcloud.sandboxes.ssh import Admits, Invites, SshMachine
from localcloud.sandboxes.usage import Usage

log = logging.getLogger(__name__)

#: seconds between SIGTERM and SIGKILL
LAST_WORDS = 1.0


@dataclass(frozen=True)
class Sandbox:
    """EC2's data about a machine that is to run."""

    instance_id: str
    number: int
    private_ip: str
    public_key: str
    host_key: str


class Sandboxes:
    """The sandboxes. Used from the event loop's thread."""

    def __init__(self, supervisor: Conversation, isolation: Isolation, port: int) -> None:
        self.root = isolation.root
        self.supervisor = supervisor
        self.isolation = isolation
        self.port = port
        self.open_machines: dict[str, SshMachine] = {}
        self.carried: dict[str, Carried] = {}
        self.switches: dict[str, int] = {}
        self.switched: Callable[[str, str], None] = lambda sandbox, word: None

    def plan(self, instance_id: str, number: int, private_ip: str) -> Plan:
        first = self.isolation.first_uid
        return Plan(
            sandbox=instance_id,
            folder=str((self.root / instance_id).absolute()),
            hostname="ip-" + private_ip.replace(".", "-"),
            uid=None if first is None else first + number,
            namespaces=self.isolation.namespaces,
            network=self.isolation.network,
        )

    def open(
        self, sandbox: Sandbox, address: str | None, taken: set[str], admits: Admits, invites: Invites, public: bool
    ) -> str | None:
        """Start its SSH server and return its address: the given one if it is still free, or a new one."""
        plan = self.plan(sandbox.instance_id, sandbox.number, sandbox.private_ip)
        folders.make(plan, sandbox.public_key)
        machine = SshMachine(plan, sandbox.host_key, self.supervisor, admits, invites, self._carried(plan), self.port)
        if public:
            listener = None
            if address:
                with contextlib.suppress(OSError):
                    listener = listen(address, self.port)
            if listener is None:
                address, listener = listen_somewhere(self.port, taken)
            machine.open(listener)
        self.open_machines[sandbox.instance_id] = machine
        self._watch_switch(plan)
        return address if public else None

    def _carried(self, plan: Plan) -> Carried:
        return self.carried.setdefault(plan.sandbox, Carried())

    async def usage(self, ports: set[int]) -> tuple[float, dict[str, Usage]]:
        """Return the time of the reading, and what each sandbox has used: its processes and its SSH connections."""
        at, used = await self.supervisor.usage({self.port, *ports})
        for sandbox, carried in self.carried.items():
            received, sent = carried.totals()
            used[sandbox] = used.get(sandbox, Usage()) + Usage(received=received, sent=sent)
        return at, used

    def _watch_switch(self, plan: Plan) -> None:
        """Open the FIFO for reading and writing, so that there is no end of file when a writer closes it."""
        switch = os.open(plan.tools / "switch", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        self.switches[plan.sandbox] = switch
        asyncio.get_running_loop().add_reader(switch, self._switch, plan.sandbox, switch)

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
        """Close all connections, then end every process: TERM, a second, KILL."""
        machine = self.open_machines.pop(instance_id, None)
        self._unwatch_switch(instance_id)
        if machine:
            machine.close()
        left = await self.supervisor.end(instance_id, signal.SIGTERM)
        until = time.monotonic() + LAST_WORDS
        while left and time.monotonic() < until:
            await asyncio.sleep(0.1)
            left = await self.supervisor.end(instance_id, 0)
        until += LAST_WORDS
        while left and time.monotonic() < until:  # a process that hangs in the kernel survives even this
            left = await self.supervisor.end(instance_id, signal.SIGKILL)
            await asyncio.sleep(0.05)
        if machine:
            folders.empty_tmp(machine.plan)

    async def remove(self, instance_id: str) -> None:
        """Remove the disk of a machine: it is renamed at once, and deleted later."""
        self.carried.pop(instance_id, None)
        folders.set_aside(self.plan(instance_id, 0, ""))
        await asyncio.to_thread(folders.sweep, self.root)

    def close_all(self) -> None:
        """Close everything at the end of the cloud; the supervisor ends the processes."""
        for instance_id, machine in self.open_machines.items():
            self._unwatch_switch(instance_id)
            machine.close()
        self.open_machines.clear()
