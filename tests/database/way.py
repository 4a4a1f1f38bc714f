"""A way to PostgreSQL over TCP that can be closed, or swallow everything: it accepts, reads, and says nothing."""

import socket
import threading
from contextlib import closing, suppress
from pathlib import Path


class Way:
    """Listens on 127.0.0.1, and passes on to a server's socket while it is open."""

    def __init__(self, upstream: Path, replaced: tuple[bytes, bytes] = (b"", b"")) -> None:
        """Take what to replace in the first words of the server, by as many bytes."""
        self._upstream, self._replaced = upstream, replaced
        self.is_swallowing = self.is_closed = False
        self.swallow_from = b""
        """What, said to the server, makes the way swallow everything from there on, once."""
        self._connections: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        """Refuse new connections, and end those that are there."""
        self.is_closed = True
        while self._connections:
            with suppress(OSError):
                self._connections.pop().shutdown(socket.SHUT_RDWR)

    def end(self) -> None:
        self._listener.close()
        self.close()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                client = self._listener.accept()[0]
                threading.Thread(target=self._pass_on, args=(client,), daemon=True).start()

    def _pass_on(self, client: socket.socket) -> None:
        with closing(client), socket.socket(socket.AF_UNIX) as server:
            if self.is_closed:
                return
            self._connections += [client, server]
            server.connect(str(self._upstream))
            back = threading.Thread(target=self._pump, args=(server, client, self._replaced), daemon=True)
            back.start()
            self._pump(client, server, (b"", b""))
            back.join()

    def _pump(self, source: socket.socket, target: socket.socket, replaced: tuple[bytes, bytes]) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                if self.swallow_from and self.swallow_from in data:
                    self.swallow_from, self.is_swallowing = b"", True
                if not self.is_swallowing:
                    target.sendall(data.replace(*replaced) if replaced[0] else data)
            target.shutdown(socket.SHUT_RDWR)
