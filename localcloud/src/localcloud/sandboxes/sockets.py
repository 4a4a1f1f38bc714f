"""The TCP sockets of this computer and what each has carried, as the kernel counts it. No privileges are needed.

Netlink's sock_diag (man 7 sock_diag) with `struct tcp_info` of linux/tcp.h. A socket that closes is reported once more,
with its last counts, to whoever listens to the group of destroyed sockets.
"""

import contextlib
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass

_SOCK_DIAG, _BY_FAMILY, _DUMP, _DESTROYED = 4, 20, 0x301, (1 << 0 | 1 << 2)  # TCP over IPv4 and IPv6
_DONE, _ERROR, _INFO = 3, 2, 2
#: all states but SYN_SENT, SYN_RECV, TIME_WAIT and LISTEN: these carry nothing, or have no socket any more
_STATES = sum(1 << state for state in (1, 4, 5, 7, 8, 9, 11))
_MAPPED = bytes(10) + b"\xff\xff"
#: of tcpi_bytes_acked and tcpi_bytes_received in struct tcp_info
_COUNTS = 120

End = tuple[bytes, int]


@dataclass(frozen=True)
class Socket:
    """One TCP socket. `cookie` is never used again; `inode` is 0 before it is accepted and after it is closed."""

    cookie: bytes
    inode: int
    here: End
    there: End
    received: int
    sent: int  # and acknowledged


def open_sockets() -> list[Socket]:
    found: list[Socket] = []
    for family in (socket.AF_INET, socket.AF_INET6):
        with contextlib.suppress(OSError), _netlink() as asker:  # a kernel without IPv6, or without sock_diag
            request = struct.pack("=BBBBI48x", family, socket.IPPROTO_TCP, 1 << (_INFO - 1), 0, _STATES)
            asker.send(struct.pack("=IHHII", 16 + len(request), _BY_FAMILY, _DUMP, 1, 0) + request)
            while _take(asker.recv(262_144), found):
                pass
    return found


class Closed:
    """The sockets that are closed from now on."""

    def __init__(self) -> None:
        self._listener: socket.socket | None = None
        with contextlib.suppress(OSError):
            self._listener = _netlink(_DESTROYED)
            self._listener.setblocking(False)
            self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)

    def take(self) -> list[Socket]:
        """Return those that were closed since the last call."""
        found: list[Socket] = []
        while self._listener is not None:
            try:
                _take(self._listener.recv(262_144), found)
            except BlockingIOError:
                break
            except OSError:  # ENOBUFS: there were too many, and some are lost
                continue
        return found


def counts(info: bytes) -> tuple[int, int]:
    """Return bytes received and bytes sent from a `struct tcp_info`."""
    if len(info) < _COUNTS + 16:
        return 0, 0
    sent, received = struct.unpack_from("=QQ", info, _COUNTS)
    return received, sent


def _netlink(groups: int = 0) -> socket.socket:
    made = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, _SOCK_DIAG)
    made.bind((0, groups))
    return made


def _take(data: bytes, found: list[Socket]) -> bool:
    """Add the sockets in `data`; return whether more is to come."""
    position = 0
    while position + 16 <= len(data):
        length, kind = struct.unpack_from("=IH", data, position)
        if kind in (_DONE, _ERROR):
            return False
        if kind == _BY_FAMILY:
            found += _socket(data[position + 16 : position + length])
        position += (length + 3) & ~3
    return bool(data)


def _socket(body: bytes) -> Iterator[Socket]:
    """Yield the socket in a `struct inet_diag_msg` and its attributes."""
    near, far = struct.unpack_from(">HH", body, 4)
    (inode,) = struct.unpack_from("=I", body, 68)
    position = 72
    while position + 4 <= len(body):
        length, kind = struct.unpack_from("=HH", body, position)
        if kind == _INFO:
            received, sent = counts(body[position + 4 : position + length])
            here, there = (_address(body[0], body[start : start + 16]) for start in (8, 24))
            yield Socket(body[44:52], inode, (here, near), (there, far), received, sent)
        position += max(4, (length + 3) & ~3)


def _address(family: int, field: bytes) -> bytes:
    """Return four bytes for IPv4, also where an IPv6 socket speaks it, so that both ends of a connection compare."""
    if family == socket.AF_INET:
        return field[:4]
    return field[12:] if field.startswith(_MAPPED) else field
