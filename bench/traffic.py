"""A server of endless files on loopback, each at a rate of its own: `GET /RATE` in bytes a second."""

import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from localcloud.sandboxes.outside import listen_for_machines

_PIECE = 0.1
"""Seconds between two pieces."""


class _Handler(BaseHTTPRequestHandler):
    server: "_Server"

    def do_GET(self) -> None:
        rate = float(self.path.strip("/"))
        self.send_response(200)
        self.end_headers()
        began, sent, ended = time.monotonic(), 0, self.server.ended
        try:
            while not ended.is_set():
                due = int(rate * (time.monotonic() - began)) - sent
                self.wfile.write(bytes(due))
                sent += due
                time.sleep(_PIECE)
        except OSError:
            return  # the client has gone

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 100

    def __init__(self) -> None:
        self.ended = threading.Event()
        listener = listen_for_machines()
        super().__init__(listener.getsockname(), _Handler, bind_and_activate=False)
        self.socket.close()
        self.socket = listener


class Traffic:
    """The server; `with Traffic() as traffic: traffic.command(2e6, 60)`."""

    def __enter__(self) -> "Traffic":
        self._server = _Server()
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        self.end()
        self._server.shutdown()

    def end(self) -> None:
        """End all downloads."""
        self._server.ended.set()

    def command(self, rate: float, seconds: float) -> str:
        """Return a line for a shell that downloads at this rate for so many real seconds."""
        address, port = self._server.socket.getsockname()
        url = f"http://{address}:{port}/{rate:.0f}"
        return f"curl -sN -o /dev/null --max-time {seconds:.1f} {url}; true"
