"""A separate network for each machine, on the supervisor's side, with only a loopback interface.

There, every external address is routed to loopback, and on the permitted ports the cloud listens, which opens the
connection outside (relay.py). So no interface, firewall or setting of this computer has to be changed, and nothing is
reachable that is not relayed. For private and link-local addresses, such as the metadata service's, the routing table
says: unreachable.

Root creates the network directly, other users in a user namespace. Each also has its own System V shared memory.
"""

import array
import fcntl
import os
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from localcloud.sandboxes import linux

_UNREACHABLE = ("10.0.0.0/8", "100.64.0.0/10", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16")
_LOCAL_ROUTE, _UNREACHABLE_ROUTE = 2, 7
_NEW_ROUTE, _FLAGS = 24, 0x605  # request, acknowledge, create, exclusive
_SIOCSIFFLAGS, _UP = 0x8914, 0x1


@dataclass(frozen=True)
class Network:
    """The namespaces of one machine, as descriptors; `user` is None where root made them."""

    user: int | None
    net: int
    ipc: int

    def enter(self) -> None:
        """Move this process into that network. In a user namespace it has all capabilities from here on."""
        if self.user is not None:
            linux.join(self.user, linux.CLONE_NEWUSER)
        linux.join(self.net, linux.CLONE_NEWNET)
        linux.join(self.ipc, linux.CLONE_NEWIPC)

    def close(self) -> None:
        """Close the descriptors. The kernel removes the network with its last process and socket."""
        for descriptor in (self.user, self.net, self.ipc):
            if descriptor is not None:
                os.close(descriptor)

    def sockets(self, make: Callable[[], list[socket.socket]]) -> list[socket.socket]:
        """Return sockets created in this network by a child, since this process could not leave it again."""
        ours, theirs = socket.socketpair()
        child = os.fork()
        if child == 0:
            _send_sockets(self, make, theirs)
        theirs.close()
        try:
            word, descriptors, _, _ = socket.recv_fds(ours, 256, 64)
        finally:
            ours.close()
            os.waitpid(child, 0)
        if word != b"made":
            raise OSError(word.decode(errors="replace") or "the network has not answered")
        return [socket.socket(fileno=descriptor) for descriptor in descriptors]


def _send_sockets(network: Network, make: Callable[[], list[socket.socket]], channel: socket.socket) -> NoReturn:
    try:
        network.enter()
        made = make()
        socket.send_fds(channel, [b"made"], [one.fileno() for one in made])
    except BaseException as failure:
        channel.send(str(failure).encode()[:200] or b"?")
    finally:
        os._exit(0)


def make_network(own_user: bool) -> Network:
    """Return a new network, created by a child that ends at once; `own_user` if we are not root."""
    ready, done = socket.socketpair()
    child = os.fork()
    if child == 0:
        ready.close()
        _unshare(own_user, done)
    done.close()
    try:
        word = ready.recv(256)
        if word != b"made":
            raise OSError(word.decode(errors="replace") or "no network could be made")
        kinds = ("user", "net", "ipc") if own_user else ("net", "ipc")
        found = {kind: os.open(f"/proc/{child}/ns/{kind}", os.O_RDONLY | os.O_CLOEXEC) for kind in kinds}
        return Network(found.get("user"), found["net"], found["ipc"])
    finally:
        ready.close()  # at which the child ends
        os.waitpid(child, 0)


def _unshare(own_user: bool, channel: socket.socket) -> NoReturn:
    try:
        user, group = os.geteuid(), os.getegid()
        kinds = linux.CLONE_NEWNET | linux.CLONE_NEWIPC
        linux.unshare(kinds | linux.CLONE_NEWUSER if own_user else kinds)
        if own_user:
            Path("/proc/self/setgroups").write_text("deny")
            Path("/proc/self/gid_map").write_text(f"{group} {group} 1")
            Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
        _furnish()
        channel.send(b"made")
        channel.recv(1)
    except BaseException as failure:
        channel.send(f"{type(failure).__name__}: {failure}".encode()[:200])
    finally:
        os._exit(0)


def _furnish() -> None:
    """Bring loopback up, and route every address there except those that may be in this computer's own networks."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, struct.pack("16sh22x", b"lo", _UP))
        loopback = socket.if_nametoindex("lo")
    _add_route(_LOCAL_ROUTE, "0.0.0.0/0", loopback)
    for network in _UNREACHABLE:
        _add_route(_UNREACHABLE_ROUTE, network)
    for server in name_servers():
        _add_route(_LOCAL_ROUTE, f"{server}/32", loopback)


def name_servers() -> list[str]:
    """Return the name servers of this computer that have an IPv4 address."""
    found = []
    for line in Path("/etc/resolv.conf").read_text(errors="replace").splitlines() if _has_resolver() else ():
        words = line.split()
        if len(words) > 1 and words[0] == "nameserver" and words[1].replace(".", "").isdigit():
            found.append(words[1])
    return list(dict.fromkeys(found))


def _has_resolver() -> bool:
    return Path("/etc/resolv.conf").exists()


def _add_route(kind: int, network: str, interface: int | None = None) -> None:
    """Add a route to the main table, as `ip route add KIND NETWORK dev INTERFACE` (rtnetlink(7))."""
    address, _, length = network.partition("/")
    scope = 254 if kind == _LOCAL_ROUTE else 0
    body = struct.pack("=BBBBBBBBI", socket.AF_INET, int(length), 0, 0, 254, 4, scope, kind, 0)
    if int(length):
        body += struct.pack("=HH4s", 8, 1, socket.inet_aton(address))
    if interface is not None:
        body += struct.pack("=HHI", 8, 4, interface)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as kernel:
        kernel.send(struct.pack("=IHHII", 16 + len(body), _NEW_ROUTE, _FLAGS, 1, 0) + body)
        answer = array.array("i", kernel.recv(4096)[16:20])[0]
    if answer and not (kind == _LOCAL_ROUTE and answer == -17):  # EEXIST: the same name server twice
        raise OSError(-answer, f"route to {network}: {os.strerror(-answer)}")
