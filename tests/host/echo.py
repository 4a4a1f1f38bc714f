"""A WSGI application that says what has come to it, served by granian through the gateway."""

import json
import threading
import time

from ondol.host.gateway import TOO_BIG, Gateway


def echo(environ, start_response):
    """Answer with the environment, or in another way that the path asks for."""
    path = environ["PATH_INFO"]
    if path == "/slow":
        time.sleep(1.0)
    if path == "/stream":
        start_response("200 OK", [("Content-Type", "text/csv")])
        return (b"%06d\n" % number for number in range(200_000))
    if TOO_BIG in environ:
        start_response("413 Content Too Large", [("Content-Type", "text/html")])
        return ["너무 큽니다".encode()]
    seen = {name: value for name, value in environ.items() if isinstance(value, str)}
    seen |= {"body": environ["wsgi.input"].read().decode("latin-1"), "thread": threading.current_thread().name}
    text = json.dumps(seen).encode()
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(text)))])
    return [text]


application = Gateway(echo, threads=2, body_limit=100_000)
