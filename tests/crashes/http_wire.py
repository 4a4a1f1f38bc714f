"""Between one worker and AWS: passes every request on as it is, signature included, and stops where it is to be killed.

The request goes on byte for byte, its Host too, so that its signature holds.
"""

import asyncio
import re
from urllib.parse import urlsplit

from tests.crashes.points import Struck, Watch

_ACTION = re.compile(rb"(?:^|&)Action=(\w+)")
_TARGET = re.compile(rb"\r\nx-amz-target: *\w+\.(\w+)", re.I)
_PATH = re.compile(rb"^\w+ \S*/operation/(\w+)")
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.I)
_LAUNCHED = re.compile(rb"<instanceId>(i-[0-9a-f]+)</instanceId>")


class HttpWire:
    """One worker's way to AWS."""

    def __init__(self, upstream: str, watch: Watch) -> None:
        parts = urlsplit(upstream)
        self._upstream, self._watch = (parts.hostname, parts.port), watch
        self.launched: set[str] = set()
        """Every machine that AWS has made for it, whether the answer arrived or not."""
        self.calls = 0
        self._server: asyncio.Server | None = None
        self._port = 0
        self._open: set[asyncio.Task[None]] = set()

    async def open(self) -> str:
        """Its address, for AWS_ENDPOINT_URL; the same when it is opened again."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self._port)
        host, self._port = self._server.sockets[0].getsockname()
        return f"http://{host}:{self._port}"

    def close(self) -> None:
        """Refuse connections from now on, and end those that are open."""
        if self._server:
            self._server.close()
        for task in self._open:
            task.cancel()

    def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._converse(reader, writer))
        self._open.add(task)  # the loop itself would forget it
        task.add_done_callback(self._open.discard)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ends = [writer]
        try:
            answers, above = await asyncio.open_connection(*self._upstream)
            ends.append(above)
            while True:
                await self._pass(await _message(reader), answers, above, writer)
        except (OSError, asyncio.IncompleteReadError, Struck):
            pass  # one of both has hung up, or the worker is dead
        finally:
            for end in ends:
                end.transport.abort()

    async def _pass(
        self, request: bytes, answers: asyncio.StreamReader, above: asyncio.StreamWriter, writer: asyncio.StreamWriter
    ) -> None:
        self.calls += 1
        operation = _operation(request)
        boundary = self._watch.meet("aws", operation)
        await boundary.reach("before")
        above.write(request)
        answer = await _message(answers)
        if operation == "RunInstances":
            self.launched |= {found.decode() for found in _LAUNCHED.findall(answer)}
        await boundary.reach("after")
        writer.write(answer)
        await writer.drain()
        await boundary.reach("answered")


async def _message(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    length = _LENGTH.search(head)
    return head + (await reader.readexactly(int(length[1])) if length else b"")


def _operation(request: bytes) -> str:
    head, _, body = request.partition(b"\r\n\r\n")
    found = _ACTION.search(body) or _TARGET.search(head) or _PATH.search(head)
    name = found[1].decode() if found else "?"
    return f"{name} (dry run)" if b"DryRun=true" in body else name
