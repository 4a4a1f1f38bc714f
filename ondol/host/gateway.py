"""A WSGI application behind an ASGI server: no byte of a request is lost, and threads run only the application.

The server's own WSGI interface passes an empty header if one byte of it is not ASCII, and blocks a thread for as long
as a client takes to send its request.

If all threads wait for a database that does not answer, later requests still get a 503, and paths that need no database
have threads of their own.
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
"""The connections that may be open at once, idle ones included; Linux's default is 1,024 files for a process.

granian's own limit is its backlog, 128: so many idle clients would block everybody, a supervisor's probes included.
"""
SERVER = (
    *("--interface", "asginl", "--http", "1", "--no-ws", "--workers-kill-timeout", "5"),
    *("--backlog", "128", "--backpressure", str(CONNECTIONS)),
)
"""The options of granian that the gateway relies on."""
BODY_WITHIN = 60.0
"""The seconds that a client has to send its body."""
HELD = 256 * 1024
"""The bytes of an answer that are passed on at once, so that a slow reader of a page does not block a thread."""
ANSWER_WITHIN = 11.0
"""The seconds after which a page that waits for the database gets 503: a little more than a statement may take."""
SILENT = 3.0
"""A database without any answer for so many seconds is away; otherwise a page is only slow, and goes on."""
HEALTH, HEALTH_WITHIN = "/healthz", 1.0
LIVE = "/livez"
"""Answered without a thread: a supervisor restarts a process that is slow, which would not help the database."""
NO_DATABASE = b"the database does not answer\n"
UNAVAILABLE, TOO_BIG = "ondol.unavailable", "ondol.too_big"
"""The keys of the WSGI environment that ask the application for these error pages, without the database."""
DRAINED, DRAINED_WITHIN = 64 * 1024 * 1024, 120.0
"""How many bytes of a too large body are read and discarded, and for how many seconds: browsers show no answer while
they are still sending. A client that announces more is refused at once, as is one that waits for 100 Continue."""
TICK = 0.25
_PLAIN = {"content-type": "CONTENT_TYPE", "content-length": "CONTENT_LENGTH"}


class Gateway:
    """Answers requests in permanent threads, so that each keeps its connection to the database."""

    def __init__(
        self,
        application: Application,
        *,
        threads: int,
        body_limit: int,
        static: str = "",
        silent_for: Callable[[], float] = lambda: 0.0,
    ) -> None:
        """Take `silent_for`, which returns for how many seconds the database has left all queries unanswered.

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
            # Asking the server for a missing body would cost a useless trip through its thread.
            body = await _body_of(scope, receive, self._body_limit) if _has_body(scope) else b""
        except TimeoutError:
            return await _refuse(send, 408, b"The request did not arrive in time.\n")
        except _TooBigError:
            environ = environ_of(scope, b"") | {TOO_BIG: True}
            await self._made(self._quick, environ, _closing(send), lambda waited: False)
            return None
        if body is None:  # granian reports this for malformed chunks, too
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
        """Return whether a request waits for a database that is away; one that is only slow goes on."""
        return waited >= ANSWER_WITHIN and self._silent_for() >= SILENT

    async def _made(
        self, threads: ThreadPoolExecutor, environ: dict[str, Any], send: Send, is_over: Callable[[float], bool]
    ) -> bool:
        """Answer the request in one of these threads; return False if it was given up before anything was sent."""
        answer = _Answer(asyncio.get_running_loop(), send)
        work = threads.submit(with_room, answer.make, self._application, environ)
        made, began = asyncio.wrap_future(work), answer.loop.time()
        made.add_done_callback(lambda done: done.cancelled() or done.exception())  # of one given up, nobody asks
        while not (await asyncio.wait({made}, timeout=TICK))[0]:
            if not answer.is_begun and is_over(answer.loop.time() - began):
                answer.is_given_up = True
                work.cancel()  # if no thread has begun it, none will
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
        """Return what is left to be sent: everything, except for long answers."""
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
    return environ | {"CONTENT_LENGTH": str(len(body))}  # a chunked body has no such header


def _headers_of(pairs: Iterable[tuple[bytes, bytes]]) -> dict[str, bytes]:
    """Return headers by WSGI's names. One with an underscore is left out, since it would look like one with a hyphen.

    Several cookie headers are joined, with the separator of cookies.
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
        async with asyncio.timeout(BODY_WITHIN) as patience:
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
    """Return a `send` that closes the connection after the answer, since a part of the request may still come."""

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
