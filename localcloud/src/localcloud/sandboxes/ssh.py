"""The SSH server of one machine: who may log in, and what they may request."""

import asyncio
import contextlib
import logging
import socket
import struct
from collections.abc import Awaitable, Callable
from typing import Any

import asyncssh

from localcloud.sandboxes.carried import Carried
from localcloud.sandboxes.conversation import Conversation
from localcloud.sandboxes.forwarding import connect, listen_back
from localcloud.sandboxes.keys import authorized
from localcloud.sandboxes.outside import INTERNET, SERVERS_PORT
from localcloud.sandboxes.plan import USER, Plan
from localcloud.sandboxes.relay import Relay
from localcloud.sandboxes.session import Session

log = logging.getLogger(__name__)

#: seconds to log in, and keys to try, as sshd's LoginGraceTime and MaxAuthTries
GRACE = 60
TRIES = 6

Admits = Callable[[str], bool]
Invites = Callable[[str, bytes], bool]


class Door(asyncssh.SSHServer):
    """One connection. It admits only `ubuntu`, with a key of authorized_keys or one of EC2 Instance Connect."""

    def __init__(self, machine: "SshMachine", client: socket.socket) -> None:
        self.machine = machine
        self.client = client
        self.failures = 0

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self.conn = conn
        self.machine.connections.add(conn)

    def connection_lost(self, exc: Exception | None) -> None:
        self.machine.connections.discard(self.conn)
        self.machine.carried.end(self.client)

    def begin_auth(self, username: str) -> bool:
        """Read the keys at each connection: a key that was removed does not work any more."""
        self.conn.set_authorized_keys(authorized(self.machine.plan.home) if username == USER else None)
        return True

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        """Return whether EC2 Instance Connect permits this key, which is not in authorized_keys; close the connection
        after as many wrong keys as sshd accepts."""
        if username == USER and self.machine.invites(username, key.public_data):
            return True
        self.failures += 1
        if self.failures >= TRIES:
            raise asyncssh.ProtocolError("Too many authentication failures")
        return False

    def session_requested(self) -> Any:
        self.machine.prepare()
        client, client_port = self.conn.get_extra_info("peername")[:2]
        server, server_port = self.conn.get_extra_info("sockname")[:2]
        variables = {
            "SSH_CLIENT": f"{client} {client_port} {server_port}",
            "SSH_CONNECTION": f"{client} {client_port} {server} {server_port}",
        }
        return Session(self.machine.plan, self.machine.supervisor, variables)

    def connection_requested(self, dest_host: str, dest_port: int, orig_host: str, orig_port: int) -> Any:
        """Allow `ssh -L`: it reaches what the sandbox itself can."""
        if not self.machine.plan.network:
            return True
        self.machine.prepare()
        return connect(self.machine.supervisor, self.machine.plan.sandbox, dest_host, dest_port)

    def server_requested(self, listen_host: str, listen_port: int) -> Any:
        """Allow `ssh -R`, always on loopback, as sshd does without GatewayPorts."""
        if 0 < listen_port < 1024:
            return False
        if self.machine.plan.network:
            self.machine.prepare()
            sandbox = self.machine.plan.sandbox
            return listen_back(self.machine.supervisor, sandbox, self.conn, listen_host, listen_port)
        return self.conn.forward_local_port("127.0.0.1", listen_port, listen_host, listen_port)


class SshMachine:
    """The listener of a running machine, and its connections."""

    def __init__(
        self,
        plan: Plan,
        host_key: str,
        supervisor: Conversation,
        admits: Admits,
        invites: Invites,
        carried: Carried,
        port: int,
    ) -> None:
        self.plan = plan
        self.port = port
        self.prepared = False
        self.relay: Relay | None = None
        self.carried = carried
        self.supervisor = supervisor
        self.admits = admits
        self.invites = invites
        self.host_key = asyncssh.import_private_key(host_key)
        self.connections: set[asyncssh.SSHServerConnection] = set()
        self.tasks: set[asyncio.Task[None]] = set()
        self.listener: socket.socket | None = None

    def open(self, listener: socket.socket) -> None:
        self.listener = listener
        asyncio.get_running_loop().add_reader(listener.fileno(), self._accept, listener)

    def prepare(self) -> None:
        """Ask for the machine's network, once, before the first process or connection that needs it."""
        if self.plan.network and not self.prepared:
            self.prepared = True
            ports = sorted({*INTERNET, SERVERS_PORT, self.port})
            wish = self.supervisor.sockets(self.plan.sandbox, ports=ports)
            task = asyncio.get_running_loop().create_task(self._relay(wish))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)

    async def _relay(self, wish: Awaitable[list[socket.socket]]) -> None:
        try:
            *listeners, names = await wish
        except OSError as problem:
            log.error("%s has no way out: %s", self.plan.sandbox, problem)
            return
        self.relay = Relay(listeners, names, self.port, self.carried)

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            client, address = listener.accept()
            if not self.admits(address[0]):
                # Before the banner, so that nobody notices that there is a server. On EC2 it would time out.
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                client.close()
                return
            client.setblocking(False)
            self.carried.watch(client)
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            task = asyncio.get_running_loop().create_task(self._serve(client))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)

    async def _serve(self, client: socket.socket) -> None:
        try:
            await asyncssh.run_server(
                client,
                config=None,
                server_factory=lambda: Door(self, client),
                server_host_keys=[self.host_key],
                encoding=None,
                line_editor=False,
                allow_scp=False,
                agent_forwarding=False,
                x11_forwarding=False,
                password_auth=False,
                kbdint_auth=False,
                host_based_auth=False,
                gss_host=None,
                login_timeout=GRACE,
                keepalive_interval=60,
            )
        except (asyncssh.Error, OSError, TimeoutError, ConnectionError) as refused:
            log.debug("a connection to %s ended early: %s", self.plan.sandbox, refused)
            self._drop(client)
        except Exception:
            log.exception("a connection to %s failed", self.plan.sandbox)
            self._drop(client)

    def _drop(self, client: socket.socket) -> None:
        self.carried.end(client)
        client.close()

    def close(self) -> None:
        """Stop listening, and close all connections."""
        if self.listener is not None:
            asyncio.get_running_loop().remove_reader(self.listener.fileno())
            self.listener.close()
            self.listener = None
        for task in self.tasks:
            task.cancel()
        if self.relay:
            self.relay.close()
        for connection in list(self.connections):
            connection.abort()
        self.connections.clear()


def quiet_asyncssh() -> None:
    """Silence asyncssh, which logs each connection and channel; set its level yourself if you want that."""
    asyncssh.set_log_level(logging.WARNING)
