"""HTTP/1.1 on loopback with keep-alive, a thread for each connection, in front of a WSGI application.

The standard library's own WSGI server speaks HTTP/1.0 and werkzeug's closes after each answer; a client that polls
every few seconds would open a connection for each poll.
"""

import io
import socket
import threading
from collections.abc import Callable, Iterable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

#: seconds that an idle connection is kept; botocore reconnects by itself
KEEP_ALIVE = 60
LARGEST_BODY = 16 * 1024 * 1024


class HangUp(Exception):
    """Raised by an application to close the connection without an answer."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = KEEP_ALIVE
    server: "Server"

    def do_POST(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def do_PUT(self) -> None:
        self._answer()

    def do_DELETE(self) -> None:
        self._answer()

    def _answer(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        if length > LARGEST_BODY:
            self.send_error(413)
            self.close_connection = True
            return
        body = self.rfile.read(length)
        started: dict[str, Any] = {}

        def start_response(status: str, headers: list[tuple[str, str]]) -> None:
            started.update(status=status, headers=headers)

        try:
            content = b"".join(self.server.application(self._environ(body), start_response))
        except HangUp:
            self.close_connection = True
            # A reset and not a close, so that an SDK that has sent its request notices at once that no answer comes.
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            return
        code, _, reason = started["status"].partition(" ")
        self.send_response(int(code), reason)
        for name, value in started["headers"]:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def _environ(self, body: bytes) -> dict[str, Any]:
        url = urlsplit(self.path)
        environ = {
            "REQUEST_METHOD": self.command,
            "SCRIPT_NAME": "",
            "PATH_INFO": unquote(url.path, "latin-1"),
            "QUERY_STRING": url.query,
            "RAW_URI": self.path,
            "SERVER_NAME": "127.0.0.1",
            "SERVER_PORT": str(self.server.server_port),
            "SERVER_PROTOCOL": self.request_version,
            "REMOTE_ADDR": self.client_address[0],
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(body),
            "wsgi.errors": io.StringIO(),
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
        }
        for name, value in self.headers.items():
            key = "HTTP_" + name.upper().replace("-", "_")
            environ[key] = f"{environ[key]},{value}" if key in environ else value
        return environ

    def version_string(self) -> str:
        return "AmazonEC2"

    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing: a line for each poll would hide everything else."""


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, port: int, application: Application) -> None:
        self.application = application
        super().__init__(("127.0.0.1", port), Handler)

    def start(self) -> None:
        # A stop is noticed within half a second; this costs two wake-ups a second.
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.5}, name="http", daemon=True).start()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore clients that disconnect in the middle; that is not an error of ours."""
