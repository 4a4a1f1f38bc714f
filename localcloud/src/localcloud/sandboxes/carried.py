"""The bytes of a machine's SSH connections, refused ones included: its SSH server runs in the cloud's process."""

import contextlib
import socket

from localcloud.sandboxes.sockets import counts

_LENGTH_OF_TCP_INFO = 280


class Carried:
    """Counts bytes received and sent over the connections of one machine. Used from the event loop's thread."""

    def __init__(self) -> None:
        self._over = (0, 0)
        self._open: dict[socket.socket, tuple[int, int]] = {}

    def watch(self, connection: socket.socket) -> None:
        self._open[connection] = (0, 0)

    def end(self, connection: socket.socket) -> None:
        """Add the last counts, if the connection still has them, otherwise those of the last reading."""
        if connection in self._open:
            self._read(connection)
            self._over = _sum(self._over, self._open.pop(connection))

    def totals(self) -> tuple[int, int]:
        found = self._over
        for connection in list(self._open):
            self._read(connection)
            found = _sum(found, self._open[connection])
        return found

    def _read(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError):
            info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _LENGTH_OF_TCP_INFO)
            self._open[connection] = counts(info)


def _sum(one: tuple[int, int], other: tuple[int, int]) -> tuple[int, int]:
    return one[0] + other[0], one[1] + other[1]
