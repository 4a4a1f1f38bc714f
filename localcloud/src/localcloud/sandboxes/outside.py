"""What a machine with a network of its own may reach outside.

It may reach other machines by SSH; the internet on a few ports; and servers meant for machines, such as
`localcloud.downloads`, which listen at an address of their own, on SERVERS_PORT. Nothing else of this computer or of
the networks that it is in is reachable.
"""

import ipaddress
import secrets
import socket

INTERNET = (22, 53, 80, 443, 9418)
"""TCP ports of the internet: ssh, names, http, https, git."""
SERVERS_PORT = 20080
_MACHINES = (ipaddress.IPv4Address("127.16.0.0"), ipaddress.IPv4Address("127.239.255.255"))
_SERVERS = ipaddress.IPv4Network("127.240.0.0/12")


def may_reach(address: str, port: int, ssh_port: int) -> bool:
    """Return whether a machine may open a TCP connection to it; `ssh_port` is that of all machines."""
    there = ipaddress.IPv4Address(address)
    if _MACHINES[0] <= there <= _MACHINES[1]:
        return port == ssh_port
    if there in _SERVERS:
        return port == SERVERS_PORT
    return there.is_global and not there.is_multicast and port in INTERNET


def listen_for_machines() -> socket.socket:
    """Return a listening socket that machines may reach, with an address of its own."""
    for _ in range(50):
        number = secrets.randbelow(_SERVERS.num_addresses - 2) + 1
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((str(_SERVERS[number]), SERVERS_PORT))
        except OSError:
            listener.close()
            continue
        listener.listen(128)
        return listener
    raise OSError(f"no address of {_SERVERS} has port {SERVERS_PORT} free")
