"""A port held by one `ondol up` or `ondol web`: otherwise the server would silently share it with another one."""

import socket


def hold(host: str, port: int) -> socket.socket:
    """Hold a port for as long as the returned socket is open; nothing listens yet. Raises OSError if it is taken.

    The server listens beside it with SO_REUSEPORT, which works for processes of one user that all set it. This check is
    done without it first: of two that start at once, `listen` lets one through.
    """
    family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    held = socket.socket(family)
    try:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # what clients of the last server have left behind
        held.bind(address)
        held.listen()
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)  # with it, another one could bind, too
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        held.shutdown(socket.SHUT_RD)  # it stops listening, and stays bound
    except OSError:
        held.close()
        raise
    return held
