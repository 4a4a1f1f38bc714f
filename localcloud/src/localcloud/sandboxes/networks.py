"""The networks of all machines, each created when the first process or connection needs it."""

import os
import socket
from typing import Any

from localcloud.sandboxes.listening import connect_inside, listen_inside, listen_on_loopback
from localcloud.sandboxes.network import Network, make_network


class Networks:
    """The networks that the supervisor holds open."""

    def __init__(self) -> None:
        self._known: dict[str, Network] = {}

    def of(self, sandbox: str) -> Network:
        """Return a machine's network; create it if it does not exist yet. OSError if the kernel refuses."""
        if sandbox not in self._known:
            self._known[sandbox] = make_network(own_user=os.geteuid() != 0)
        return self._known[sandbox]

    def sockets(self, request: dict[str, Any]) -> list[socket.socket]:
        """Return sockets in a machine's network: of its relay by `ports`, a listener by `port`, or one to connect."""
        network = self.of(request["sandbox"])
        if "ports" in request:
            return network.sockets(lambda: listen_inside(request["ports"]))
        if "port" in request:
            return network.sockets(lambda: listen_on_loopback(request["port"]))
        return network.sockets(lambda: connect_inside(request["six"]))

    def forget(self, sandbox: str) -> None:
        """Close the network of a machine that has stopped."""
        network = self._known.pop(sandbox, None)
        if network:
            network.close()
