"""A port that belongs to one `ondol up` or `ondol web`: the server would share it with another one, silently."""

import socket


def hold(host: str, port: int) -> socket.socket:
    """Take a port while the socket that is returned is open; nothing listens yet. Raises OSError if it is taken.

    The server listens beside it with SO_REUSEPORT, which is for processes of one user that all set it. Whoever asks
    first does so without it: of two that start at once, `listen` lets one through.
    """
    family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    held = socket.socket(family)
    try:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # what clients of the last server have left behind
        held.bind(address)
        held.listen()
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)  # with it, another one could bind, too
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        held.shutdown(socket.SHUT_RD)  # it listens no more, and stays bound
    except OSError:
        held.close()
        raise
    return held
