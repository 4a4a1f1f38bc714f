"""A page that arrives in pieces, as on a slow line or from a busy server."""

import http.client
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import urlsplit

_HOP_BY_HOP = {"connection", "content-length", "transfer-encoding", "date", "server"}


@contextmanager
def in_pieces(site: str, pieces: int = 12, pause: float = 0.06) -> Iterator[str]:
    """Return the address of a proxy before `site`, which sends each page in so many pieces, and all else at once."""
    there = urlsplit(site)

    class Proxy(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            headers = {name: value for name, value in self.headers.items() if name.lower() != "accept-encoding"}
            with closing(http.client.HTTPConnection(there.hostname, there.port)) as ask:
                ask.request("GET", self.path, headers=headers | {"Host": there.netloc})
                answer = ask.getresponse()
                body = answer.read()
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in _HOP_BY_HOP:
                    self.send_header(name, value)
            self.end_headers()
            is_page = answer.headers.get_content_type() == "text/html"
            size = max(1, len(body) // pieces) if is_page else len(body) or 1
            for begin in range(0, len(body), size):
                self.wfile.write(body[begin : begin + size])
                self.wfile.flush()
                time.sleep(pause if is_page else 0)

        def log_message(self, *_words: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
