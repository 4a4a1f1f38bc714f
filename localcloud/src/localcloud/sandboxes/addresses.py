"""Public addresses.

The whole of 127.0.0.0/8 answers on Linux, so each machine gets one there, a new one at every start.
"""

import contextlib
import errno
import secrets
import socket

#: 127.0.x.y is used by resolvers, Debian's own host name and other programs
_FIRST, _LAST = 16, 239


def random_address(taken: set[str]) -> str:
    while True:
        second = _FIRST + secrets.randbelow(_LAST - _FIRST + 1)
        address = f"127.{second}.{secrets.randbelow(256)}.{1 + secrets.randbelow(254)}"
        if address not in taken:
            return address


def listen(address: str, port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address, port))
        listener.listen(128)
        listener.setblocking(False)
    except OSError:
        listener.close()
        raise
    return listener


def listen_somewhere(port: int, taken: set[str]) -> tuple[str, socket.socket]:
    """Return a new random address; draw again if another cloud on this computer holds it."""
    for _ in range(50):
        address = random_address(taken)
        with contextlib.suppress(OSError):
            return address, listen(address, port)
    raise OSError(errno.EADDRINUSE, f"no address on 127.0.0.0/8 has port {port} free")


def free_ssh_port(wanted: int) -> int:
    """Return `wanted`, or the next port that nobody holds for all addresses at once, as a server on 0.0.0.0 does."""
    for port in range(wanted, wanted + 200):
        if 0 < port < 65536:
            with contextlib.suppress(OSError):
                listen(random_address(set()), port).close()
                return port
    raise OSError(errno.EADDRINUSE, f"no port from {wanted} on is free for SSH")
