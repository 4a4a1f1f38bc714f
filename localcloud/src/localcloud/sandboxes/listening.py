"""The sockets that the cloud needs in a machine's network: for the relay, and for `ssh -L` and `-R`."""

import socket

PACKET_INFO = 8
"""IP_PKTINFO, which Python 3.11 does not have: it tells to which address a packet was sent."""


def listen_inside(ports: list[int]) -> list[socket.socket]:
    """Return listeners for connections to any address, and last a socket for questions to any name server."""
    made = []
    for port in ports:
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("0.0.0.0", port))  # noqa: S104 - in a network that has nothing but loopback
        listener.listen(128)
        made.append(listener)
    names = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
    names.setsockopt(socket.IPPROTO_IP, PACKET_INFO, 1)
    names.bind(("0.0.0.0", 53))  # noqa: S104 - likewise
    return [*made, names]


def connect_inside(six: bool) -> list[socket.socket]:
    """Return one socket that is to be connected."""
    return [socket.socket(socket.AF_INET6 if six else socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)]


def listen_on_loopback(port: int) -> list[socket.socket]:
    """Return one listener on loopback; port 0 is any."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    listener.listen(128)
    return [listener]
