"""Ports that nobody has, and that Linux gives to nobody's connection meanwhile."""

import random
import socket
from contextlib import suppress


def free_port(following: int = 0) -> int:
    """Return a port on loopback that is free, as are so many after it.

    Linux takes the ports of connections from 32768 on (`ip_local_port_range`), so these are below.
    """
    while True:
        port = random.randrange(20_000, 32_000)
        with suppress(OSError):
            for number in range(port, port + following + 1):
                socket.create_server(("127.0.0.1", number)).close()
            return port
