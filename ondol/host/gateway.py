"""A WSGI application behind an ASGI server: no byte of a request is lost on the way, and threads do only its work.

The server's own WSGI interface hands over an empty header where one byte of it is not ASCII, and lends a thread to a
client for as long as that takes to send its request.

Where all threads wait for a database that does not answer, a request that came later gets its 503 all the same, and
what needs no database has threads of its own.
"""

import asyncio
import io
import sys
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote_to_bytes

from ondol.host.room import with_room

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

CONNECTIONS = 800
"""The connections that may be open at once. Silent ones count, and Linux gives a process 1,024 files unless it is told.

granian's own limit is its backlog, 128: so many silent clients would hold up everybody, a supervisor's probes included.
"""
SERVER = (
    *("--interface", "asginl", "--http", "1", "--no-ws", "--workers-kill-timeout", "5"),
    *("--backlog", "128", "--backpressure", str(CONNECTIONS)),
)
"""The options of granian that the gateway relies on."""
PATIENCE = 60.0
"""A client has so many seconds to send its body."""
HELD = 256 * 1024
"""So many bytes of an answer are handed over at once: a slow reader of a page does not hold a thread."""
ANSWER_WITHIN = 11.0
"""A page that waits for the database gets 503 after so many seconds: then one that has waited first has had its own."""
SILENT = 3.0
"""A database that has answered nobody for so many seconds is away; else a page is only slow, and goes on."""
HEALTH, HEALTH_WITHIN = "/healthz", 1.0
LIVE = "/livez"
"""Answered without a thread: whoever asks restarts a process that is slow, which brings no database back."""
NO_DATABASE = b"the database does not answer\n"
UNAVAILABLE, TOO_BIG = "ondol.unavailable", "ondol.too_big"
"""The application is asked by these names to say so, without asking the database."""
DRAINED, DRAINED_WITHIN = 64 * 1024 * 1024, 120.0
"""So many bytes of a body that is too big are taken and thrown away, for so many seconds: browsers show no answer while
they are still sending. One that says that it has more is refused at once, as is one that has asked before it sends."""
TICK = 0.25
_PLAIN = {"content-type": "CONTENT_TYPE", "content-length": "CONTENT_LENGTH"}


class Gateway:
    """Answers requests in threads that last, so that each keeps its connection to the database."""

    def __init__(
        self,
        application: Application,
        *,
        threads: int,
        body_limit: int,
        static: str = "",
        silent_for: Callable[[], float] = lambda: 0.0,
    ) -> None:
        """Take `silent_for`: for how many seconds the database has answered nothing that was asked of it.

        Paths that begin with `static` need no database.
        """
        self._application, self._body_limit = application, body_limit
        self._static, self._silent_for = static, silent_for
        self._threads = ThreadPoolExecutor(threads, "request")
        self._quick, self._health = ThreadPoolExecutor(2, "static"), ThreadPoolExecutor(1, "health")

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return None
        try:
            # To ask the server for a body that there is not would be a way through its thread for nothing.
            body = await _body_of(scope, receive, self._body_limit) if _has_body(scope) else b""
        except TimeoutError:
            return await _refuse(send, 408, b"The request did not arrive in time.\n")
        except _TooBigError:
            environ = environ_of(scope, b"") | {TOO_BIG: True}
            await self._made(self._quick, environ, _closing(send), lambda waited: False)
            return None
        if body is None:  # granian says so of chunks that are none, too
            return await _refuse(send, 400, b"The body of the request is malformed.\n")
        environ = environ_of(scope, body)
        if environ["PATH_INFO"] == LIVE:
            return await _say(send, 200, b"ok\n", (b"cache-control", b"no-store"))
        if environ["PATH_INFO"] == HEALTH:
            made = await self._made(self._health, environ, send, lambda waited: waited >= HEALTH_WITHIN)
            return None if made else await _refuse(send, 503, NO_DATABASE)
        if self._static and environ["PATH_INFO"].startswith(self._static):
            await self._made(self._quick, environ, send, lambda waited: False)
        elif not await self._made(self._threads, environ, send, self._is_hopeless):
            await self._made(self._quick, environ | {UNAVAILABLE: True}, send, lambda waited: False)
        return None

    def _is_hopeless(self, waited: float) -> bool:
        """Return whether a request waits for the database in vain; one that is slow by itself goes on."""
        return waited >= ANSWER_WITHIN and self._silent_for() >= SILENT

    async def _made(
        self, threads: ThreadPoolExecutor, environ: dict[str, Any], send: Send, is_over: Callable[[float], bool]
    ) -> bool:
        """Answer the request in one of these threads; return False if that was given up before anything was sent."""
        answer = _Answer(asyncio.get_running_loop(), send)
        work = threads.submit(with_room, answer.make, self._application, environ)
        made, began = asyncio.wrap_future(work), answer.loop.time()
        made.add_done_callback(lambda done: done.cancelled() or done.exception())  # of one given up, nobody asks
        while not (await asyncio.wait({made}, timeout=TICK))[0]:
            if not answer.is_begun and is_over(answer.loop.time() - began):
                answer.is_given_up = True
                work.cancel()  # if no thread has taken it, none does
                return False
        await answer.send_on(made.result(), is_more=False)
        return True


@dataclass(slots=True)
class _Answer:
    """One answer: made in a thread, sent by the server's loop."""

    loop: asyncio.AbstractEventLoop
    send: Send
    status: int = 500
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    is_begun: bool = False
    is_given_up: bool = False

    def make(self, application: Application, environ: dict[str, Any]) -> bytes:
        """Return what is left to be sent: of all but long answers, everything."""
        held = bytearray()
        pieces = application(environ, self._start)
        try:
            for piece in pieces:
                held += piece
                if len(held) > HELD:
                    asyncio.run_coroutine_threadsafe(self.send_on(bytes(held), is_more=True), self.loop).result()
                    held.clear()
        finally:  # here, in the thread: Django closes its connections with the request
            if hasattr(pieces, "close"):
                pieces.close()
        return bytes(held)

    async def send_on(self, body: bytes, *, is_more: bool) -> None:
        """Send this part of the body, after the beginning if that has not been sent."""
        if self.is_given_up:
            raise ConnectionAbortedError("another answer was sent")
        if not self.is_begun:
            self.is_begun = True
            await self.send({"type": "http.response.start", "status": self.status, "headers": self.headers})
        await self.send({"type": "http.response.body", "body": body, "more_body": is_more})

    def _start(self, status: str, headers: list[tuple[str, str]], exc_info: object = None) -> None:
        self.status = int(status.partition(" ")[0])
        self.headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]


def environ_of(scope: Message, body: bytes) -> dict[str, Any]:
    """Return what WSGI calls the environment: every byte of the request as one character."""
    path = scope.get("raw_path") or scope["path"].encode()
    name, port = scope.get("server") or ("localhost", 80)
    environ = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(path.partition(b"?")[0]).decode("latin-1"),
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "SERVER_NAME": name,
        "SERVER_PORT": str(port or ""),
        "REMOTE_ADDR": (scope.get("client") or ("", 0))[0],
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope.get("scheme", "http"),
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for key, value in _headers_of(scope["headers"]).items():
        environ[key] = value.decode("latin-1")
    return environ | {"CONTENT_LENGTH": str(len(body))}  # of a body in chunks, nobody has said it


def _headers_of(pairs: Iterable[tuple[bytes, bytes]]) -> dict[str, bytes]:
    """Return headers by WSGI's names. One with an underscore would pass for another one with a hyphen: it is left out.

    Cookies that come in several headers are one list of cookies, with their own separator.
    """
    found: dict[str, bytes] = {}
    for raw, value in pairs:
        name = raw.decode("latin-1").lower()
        if "_" in name:
            continue
        key = _PLAIN.get(name) or "HTTP_" + name.upper().replace("-", "_")
        separator = b"; " if name == "cookie" else b","
        found[key] = found[key] + separator + value if key in found else value
    return found


class _TooBigError(Exception):
    """A body that is longer than the limit."""


async def _body_of(scope: Message, receive: Receive, limit: int) -> bytes | None:
    """Return the body; None if the client has gone. Raises TimeoutError and _TooBigError."""
    if _declared(scope) > (limit if _asks_first(scope) else DRAINED):
        raise _TooBigError
    body, over = bytearray(), 0
    try:
        async with asyncio.timeout(PATIENCE) as patience:
            while over <= DRAINED:
                message = await receive()
                if message["type"] != "http.request":
                    return None
                body += message.get("body", b"")
                if len(body) > limit:
                    if not over:
                        patience.reschedule(asyncio.get_running_loop().time() + DRAINED_WITHIN)
                    over += len(body) - limit
                    del body[limit:]
                if not message.get("more_body", False):
                    break
    except TimeoutError:
        if not over:
            raise
    if over:
        raise _TooBigError
    return bytes(body)


def _has_body(scope: Message) -> bool:
    """Return whether a body follows, by the headers that say so in HTTP/1.1 (RFC 9112, section 6.3)."""
    return any(name in {b"content-length", b"transfer-encoding"} for name, _ in scope["headers"])


def _declared(scope: Message) -> int:
    """Return how many bytes a client says its body has; 0 if it does not say."""
    said = _headers_of(scope["headers"]).get("CONTENT_LENGTH", b"")
    return int(said) if said.isdigit() else 0


def _asks_first(scope: Message) -> bool:
    """Return whether a client waits for an answer before it sends its body; the first `receive` gives 100 Continue."""
    return _headers_of(scope["headers"]).get("HTTP_EXPECT", b"").lower() == b"100-continue"


def _closing(send: Send) -> Send:
    """Return how to send an answer after which the connection is of no use: a part of the request may still come."""

    async def send_and_close(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message["headers"], (b"connection", b"close")]}
        await send(message)

    return send_and_close


async def _refuse(send: Send, status: int, text: bytes) -> None:
    await _say(send, status, text, (b"connection", b"close"))


async def _say(send: Send, status: int, text: bytes, header: tuple[bytes, bytes]) -> None:
    headers = [(b"content-type", b"text/plain; charset=utf-8"), header]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": text, "more_body": False})
