"""`ssh -L` and `ssh -R` on a machine with a network of its own: the machine's sockets are in that network."""

import asyncio
import socket
from typing import Any

import asyncssh
from asyncssh.constants import OPEN_CONNECT_FAILED
from asyncssh.forward import SSHLocalPortForwarder

from localcloud.sandboxes.conversation import Conversation

_LOOPBACK = ("127.0.0.1", "::1")


async def connect(supervisor: Conversation, sandbox: str, host: str, port: int) -> Any:
    """Return asyncssh's session for one connection of `ssh -L`, as a process of the machine would open it."""
    try:
        peer = await _connect_inside(supervisor, sandbox, host, port)
    except OSError as problem:
        raise asyncssh.ChannelOpenError(OPEN_CONNECT_FAILED, str(problem)) from None
    return asyncssh.SSHForwarder(peer)


async def _connect_inside(supervisor: Conversation, sandbox: str, host: str, port: int) -> asyncssh.SSHForwarder:
    loop = asyncio.get_running_loop()
    names = _LOOPBACK if host in ("", "localhost") else (host,)
    found = [one for name in names for one in await loop.getaddrinfo(name, port, type=socket.SOCK_STREAM)]
    problem = OSError(f"{host} has no address")
    for family, _, _, _, address in found:
        [inside] = await supervisor.sockets(sandbox, six=family == socket.AF_INET6)
        inside.setblocking(False)
        try:
            await loop.sock_connect(inside, address)
            return (await loop.create_connection(asyncssh.SSHForwarder, sock=inside))[1]
        except OSError as failure:
            problem = failure
            inside.close()
    raise problem


class BackListener(asyncssh.SSHListener):
    """A listener of `ssh -R` in the machine's network, on loopback."""

    def __init__(self, server: asyncio.Server) -> None:
        super().__init__()
        self.server = server

    def get_port(self) -> int:
        return int(self.server.sockets[0].getsockname()[1])

    def close(self) -> None:
        self.server.close()

    async def wait_closed(self) -> None:
        """Return at once: closing takes no time."""


async def listen_back(
    supervisor: Conversation, sandbox: str, connection: asyncssh.SSHServerConnection, host: str, port: int
) -> Any:
    """Return the listener of an `ssh -R`, or False where the port is taken."""
    try:
        [listener] = await supervisor.sockets(sandbox, port=port)
    except OSError:
        return False
    there = port or listener.getsockname()[1]

    async def tunnel(session: Any, *client: Any) -> Any:
        return await connection.create_connection(session, host, there, *client)

    def forwarder() -> asyncio.BaseProtocol:
        return SSHLocalPortForwarder(connection, tunnel)

    return BackListener(await asyncio.get_running_loop().create_server(forwarder, sock=listener))
