"""Serves `/metrics` of one process, and a worker's health, on a port that no browser is meant to reach."""

import logging
import socket
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from prometheus_client import REGISTRY, Info, make_wsgi_app

from ondol import __version__
from ondol.config import config
from ondol.monitoring.facts import DatabaseFacts

log = logging.getLogger(__name__)

BUILD = Info("ondol_build", "The version that runs.")
BUILD.info({"version": __version__})
AGAIN = 5.0
"""The seconds until a taken port is tried again: its process may just be ending."""
Check = Callable[[], bool]


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True

    def __init__(self, host: str, port: int) -> None:
        self.address_family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        super().__init__((host, port), _Handler)


class _Handler(WSGIRequestHandler):
    timeout = 10  # seconds for a client that sends half a request

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: a scrape every few seconds is no news."""


def serve(port: int, checks: Mapping[str, Check]) -> None:
    """Serve from now on, in threads that end with the process; do nothing if `port` is 0.

    `checks` are paths besides `/metrics`, and what decides whether they answer 200 or 503.
    """
    if not port:
        return
    REGISTRY.register(DatabaseFacts())
    threading.Thread(target=_serve, args=(port, _application(checks)), name="metrics", daemon=True).start()


def _serve(port: int, application: Any) -> None:
    host, is_told = config().metrics_host, False
    while True:
        try:
            server = _Server(host, port)
        except OSError as error:
            if not is_told:
                address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
                extra = {"address": address, "reason": error.strerror or str(error)}
                log.error("metrics cannot be served; trying again every few seconds", extra=extra)
            is_told = True
            time.sleep(AGAIN)  # noqa: TID251  another process at the edge
            continue
        server.set_app(application)
        server.serve_forever()


def _application(checks: Mapping[str, Check]) -> Callable[..., Iterable[bytes]]:
    metrics: Callable[..., Iterable[bytes]] = make_wsgi_app(REGISTRY)

    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if path == "/metrics":
            return metrics(environ, start_response)
        if path not in checks:
            start_response("404 Not Found", [("Content-Type", "text/plain")])
            return [f"There are: {', '.join(['/metrics', *checks])}\n".encode()]
        status, text = ("200 OK", b"ok\n") if checks[path]() else ("503 Service Unavailable", b"no sign of life\n")
        start_response(status, [("Content-Type", "text/plain")])
        return [text]

    return application
