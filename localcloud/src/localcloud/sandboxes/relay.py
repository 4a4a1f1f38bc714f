"""Relays connections out of a machine with a network of its own: the cloud accepts them, and connects outside.

Outgoing traffic is counted here, like that of its SSH server. This computer's own name servers resolve names.
"""

import asyncio
import contextlib
import logging
import socket
import struct

from localcloud.sandboxes.carried import Carried
from localcloud.sandboxes.listening import PACKET_INFO
from localcloud.sandboxes.network import name_servers
from localcloud.sandboxes.outside import may_reach

log = logging.getLogger(__name__)

MOST = 512
"""The connections of one machine at a time: each takes two of the cloud's descriptors."""
CONNECT, ANSWER = 20.0, 5.0
_NOBODY_KNOWS = b"\x81\x82"
"""The flags of a failed DNS answer: with SERVFAIL, clients do not wait for another."""
_CHUNK = 128 * 1024


class Relay:
    """The relay of one machine. Used from the event loop's thread."""

    def __init__(self, listeners: list[socket.socket], names: socket.socket, ssh_port: int, carried: Carried) -> None:
        self.listeners, self.names, self.ssh_port, self.carried = listeners, names, ssh_port, carried
        self.tasks: set[asyncio.Task[None]] = set()
        self.loop = asyncio.get_running_loop()
        for one in (*listeners, names):
            one.setblocking(False)
        for one in listeners:
            self.loop.add_reader(one.fileno(), self._accept, one)
        self.loop.add_reader(names.fileno(), self._ask)

    def close(self) -> None:
        """Accept nothing more, and close what is open."""
        for one in (*self.listeners, self.names):
            self.loop.remove_reader(one.fileno())
            one.close()
        for task in self.tasks:
            task.cancel()

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            inside, _ = listener.accept()
            address, port = inside.getsockname()[:2]
            if len(self.tasks) >= MOST or not may_reach(address, port, self.ssh_port):
                reset(inside)
                return
            inside.setblocking(False)
            self._begin(self._carry(inside, address, port))

    def _begin(self, work: "asyncio._CoroutineLike[None]") -> None:
        task = self.loop.create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _carry(self, inside: socket.socket, address: str, port: int) -> None:
        outside = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        outside.setblocking(False)
        self.carried.watch(outside)
        try:
            async with asyncio.timeout(CONNECT):
                await self.loop.sock_connect(outside, (address, port))
            await join(inside, outside)
        except (OSError, TimeoutError):
            reset(inside)
        finally:
            self.carried.end(outside)
            outside.close()
            inside.close()

    def _ask(self) -> None:
        """Relay a DNS query. It is answered from the address to which it was sent."""
        with contextlib.suppress(OSError):
            question, extra, _, client = self.names.recvmsg(4096, 128)
            asked = next((data[4:8] for _, kind, data in extra if kind == PACKET_INFO), None)
            if asked and len(self.tasks) < MOST:
                self._begin(self._answer(question, client, asked))

    async def _answer(self, question: bytes, client: tuple[str, int], asked: bytes) -> None:
        answer = question[:2] + _NOBODY_KNOWS + question[4:]
        for server in name_servers():
            with contextlib.suppress(OSError, TimeoutError), socket.socket(type=socket.SOCK_DGRAM) as outside:
                outside.setblocking(False)
                outside.connect((server, 53))
                await self.loop.sock_sendall(outside, question)
                async with asyncio.timeout(ANSWER):
                    answer = await self.loop.sock_recv(outside, 65_535)
                break
        source = struct.pack("=i4s4s", 0, asked, bytes(4))
        with contextlib.suppress(OSError):
            self.names.sendmsg([answer], [(socket.IPPROTO_IP, PACKET_INFO, source)], 0, client)


async def join(one: socket.socket, other: socket.socket) -> None:
    """Carry bytes both ways until both sides have ended theirs, or one fails."""
    both = [asyncio.ensure_future(_pump(*ends)) for ends in ((one, other), (other, one))]
    try:
        await asyncio.gather(*both)
    finally:
        for task in both:
            task.cancel()


async def _pump(source: socket.socket, target: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    for one in (source, target):
        one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    while data := await loop.sock_recv(source, _CHUNK):
        await loop.sock_sendall(target, data)
    target.shutdown(socket.SHUT_WR)


def reset(connection: socket.socket) -> None:
    """Close it with a reset, so that the other side notices at once that nobody answers."""
    with contextlib.suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()
