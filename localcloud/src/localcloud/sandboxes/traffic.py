# Read for every process once a second; pathlib takes three times as long.
# ruff: noqa: PTH115, PTH208
"""What the processes of each sandbox have received and sent over TCP.

As on EC2, what stays inside a machine is not network traffic: connections between two processes of one sandbox, and
those that its SSH server makes for `ssh -L` and `-R`, whose bytes the SSH connection carries. The process at the other
end is found once, when a connection is first seen.
"""

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from localcloud.sandboxes.sockets import Closed, Socket, open_sockets


@dataclass
class _Flow:
    sandbox: str
    leaves: bool | None = None  # None: whether it leaves the sandbox is not known yet
    received: int = 0
    sent: int = 0


@dataclass
class Traffic:
    """`public` are the cloud's own ports at which sandboxes meet it as clients: its API, and the SSH of machines."""

    public: set[int] = field(default_factory=set)
    totals: dict[str, tuple[int, int]] = field(default_factory=dict)
    closed: Closed = field(default_factory=Closed)
    read: Callable[[], list[Socket]] = open_sockets
    _flows: dict[bytes, _Flow] = field(default_factory=dict)

    def look(self, processes: Iterable[tuple[int, str]], cloud: int) -> None:
        """Count what has passed since the last check. `processes` are pids and their sandboxes, `cloud` is the pid of
        the cloud's own process."""
        owners = {inode: sandbox for pid, sandbox in processes for inode in inodes_of(pid)}
        if not owners and not self._flows:
            self.closed.take()
            return
        sockets = self.read()
        by_ends = {(one.here, one.there): one for one in sockets}
        for one in sockets:
            flow = self._flows.get(one.cookie)
            if flow is None and one.inode in owners:
                flow = self._flows[one.cookie] = _Flow(owners[one.inode])
            if flow and flow.leaves is None:
                flow.leaves = self._leaves(flow, by_ends.get((one.there, one.here)), owners, cloud)
            if flow:
                self._count(flow, one)
        self._end(sockets)

    def _leaves(self, flow: _Flow, peer: Socket | None, owners: Mapping[int, str], cloud: int) -> bool | None:
        if peer is None:
            return True
        known = self._flows.get(peer.cookie)
        other = known.sandbox if known else owners.get(peer.inode)
        if other:
            return other != flow.sandbox
        if peer.here[1] in self.public:
            return True
        return peer.inode not in inodes_of(cloud) if peer.inode else None

    def _count(self, flow: _Flow, one: Socket) -> None:
        if flow.leaves is None:
            return
        if flow.leaves:
            received, sent = self.totals.get(flow.sandbox, (0, 0))
            more = one.received - flow.received, one.sent - flow.sent
            self.totals[flow.sandbox] = received + max(0, more[0]), sent + max(0, more[1])
        flow.received, flow.sent = one.received, one.sent

    def _end(self, sockets: list[Socket]) -> None:
        for one in self.closed.take():
            flow = self._flows.pop(one.cookie, None)
            if flow:
                flow.leaves = flow.leaves is not False
                self._count(flow, one)
        there = {one.cookie for one in sockets}
        self._flows = {cookie: flow for cookie, flow in self._flows.items() if cookie in there}


def inodes_of(pid: int) -> list[int]:
    """Return the sockets that a process holds."""
    found = []
    try:
        for name in os.listdir(f"/proc/{pid}/fd"):
            try:
                target = os.readlink(f"/proc/{pid}/fd/{name}")
            except OSError:
                continue
            if target.startswith("socket:["):
                found.append(int(target[8:-1]))
    except OSError:
        pass
    return found
