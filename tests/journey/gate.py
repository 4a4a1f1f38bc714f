"""A proxy between Ondol and AWS: passes every request on byte for byte, and holds some, before or after their
effect."""

import re
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from socketserver import StreamRequestHandler, ThreadingTCPServer
from typing import IO
from urllib.parse import urlsplit

_OPERATION = re.compile(rb"(?:^POST \S*/operation/|^x-amz-target: *\w+\.|(?:^|&)Action=)(\w+)", re.I | re.M)
_LENGTH = re.compile(rb"^content-length: *(\d+)", re.I | re.M)


@dataclass
class Hold:
    """A call that is held: the next of an operation with a text in it, "before" or "after" it took effect (`when`)."""

    operation: str
    when: str
    text: bytes
    reached: threading.Event = field(default_factory=threading.Event)
    is_over: threading.Event = field(default_factory=threading.Event)

    def wait(self, seconds: float = 20) -> None:
        """Wait until a call is held."""
        assert self.reached.wait(seconds), f"no {self.operation} within {seconds:.0f} s"


class _Over(Exception):
    """The caller was killed: the request is not sent on, and its answer goes to nobody."""


class Gate:
    """Listens at `url`, and asks `upstream`."""

    def __init__(self, upstream: str) -> None:
        parts = urlsplit(upstream)
        self.upstream = (str(parts.hostname), parts.port or 80)
        self._holds: list[Hold] = []
        self._waiting: list[Hold] = []
        self._lock = threading.Lock()
        gate = self

        class Handler(StreamRequestHandler):
            def handle(self) -> None:
                with suppress(OSError, _Over):
                    gate.serve(self.rfile, self.connection)

        class Server(ThreadingTCPServer):
            daemon_threads = True

        self._server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def hold(self, operation: str, when: str, text: str) -> Hold:
        """Hold the next such call."""
        hold = Hold(operation, when, text.encode())
        with self._lock:
            self._holds.append(hold)
        return hold

    def drop(self) -> None:
        """Drop all held calls, as happens to the requests of a process that has ended."""
        with self._lock:
            over, self._waiting = self._waiting, []
        for hold in over:
            hold.is_over.set()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def serve(self, asks: IO[bytes], asker: socket.socket) -> None:
        """Serve one connection."""
        with socket.create_connection(self.upstream) as above, above.makefile("rb") as answers:
            for request in _messages(asks):
                found = _OPERATION.search(request)
                operation = found[1].decode() if found else ""
                self._pass(operation, "before", request)
                above.sendall(request)
                answer = next(_messages(answers), b"")
                self._pass(operation, "after", request)
                asker.sendall(answer)

    def _pass(self, operation: str, when: str, request: bytes) -> None:
        with self._lock:
            meant = (one for one in self._holds if (one.operation, one.when) == (operation, when))
            hold = next((one for one in meant if one.text in request), None)
            if hold is None:
                return
            self._holds.remove(hold)
            self._waiting.append(hold)
        hold.reached.set()
        hold.is_over.wait()
        raise _Over


def _messages(file: IO[bytes]) -> Iterator[bytes]:
    """Yield messages of HTTP/1.1 with Content-Length, the only form that is used here."""
    while True:
        lines = []
        while not lines or lines[-1] != b"\r\n":
            line = file.readline()
            if not line:
                return
            lines.append(line)
        head = b"".join(lines)
        length = _LENGTH.search(head)
        yield head + (file.read(int(length[1])) if length else b"")
