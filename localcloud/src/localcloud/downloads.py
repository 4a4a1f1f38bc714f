"""Something to download at a known rate, for tests and benchmarks of what network metrics show.

    with Downloads() as downloads:
        line = downloads.command(500_000)      # for a shell in a sandbox: downloads at 500 kB/s until it is ended
        line = downloads.command(500_000, 3e6) # ends after 3 MB

`python -m localcloud.downloads` serves until it is ended, and prints its address: GET /RATE or /RATE/SIZE, in bytes.
"""

import shlex
import sys
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from localcloud.sandboxes.outside import listen_for_machines

#: seconds between two pieces; a rate is kept over this time
PIECE = 0.05


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.0"
    server: "_Server"

    def do_GET(self) -> None:
        words = self.path.strip("/").split("/")
        try:
            rate, size = float(words[0]), float(words[1]) if len(words) > 1 else float("inf")
        except ValueError:
            self.send_error(404, "GET /RATE or /RATE/SIZE, in bytes")
            return
        self.send_response(200)
        self.send_header("Content-Type", "application/octet-stream")
        self.end_headers()
        self._send(rate, size)

    def _send(self, rate: float, size: float) -> None:
        began, sent, zeros = time.monotonic(), 0, bytes(256 * 1024)
        while sent < size and not self.server.ended.wait(PIECE):
            due = min(size, rate * (time.monotonic() - began))
            while sent < due:
                piece = zeros[: int(due - sent) + 1]
                self.wfile.write(piece)
                sent += len(piece)

    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        self.ended = threading.Event()
        listener = listen_for_machines()
        super().__init__(listener.getsockname(), _Handler, bind_and_activate=False)
        self.socket.close()
        self.socket = listener

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore clients that go in the middle of a download; that is how most of them end."""


class Downloads:
    """A server of endless files, at an address on loopback that machines may reach."""

    def __init__(self) -> None:
        self._server = _Server()

    @property
    def address(self) -> str:
        address, port = self._server.socket.getsockname()
        return f"http://{address}:{port}"

    def url(self, rate: float, size: float | None = None) -> str:
        return f"{self.address}/{rate:.0f}" + ("" if size is None else f"/{size:.0f}")

    def command(self, rate: float, size: float | None = None) -> str:
        """Return a line for a shell: curl, or Python where there is none."""
        url = shlex.quote(self.url(rate, size))
        python = (
            "import shutil, sys, urllib.request; shutil.copyfileobj(urllib.request.urlopen(sys.argv[1]), "
            "open('/dev/null', 'wb'))"
        )
        return (
            f"if command -v curl > /dev/null; then curl -sSN -o /dev/null {url}; "
            f"else python3 -c {shlex.quote(python)} {url}; fi"
        )

    def __enter__(self) -> "Downloads":
        serve: Callable[[], None] = self._server.serve_forever
        threading.Thread(target=serve, name="downloads", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.ended.set()
        self._server.shutdown()
        self._server.server_close()


def main() -> None:
    with Downloads() as downloads:
        print(downloads.address, flush=True)  # noqa: T201
        threading.Event().wait()


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(0)
