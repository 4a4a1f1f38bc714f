"""Between one worker and PostgreSQL: passes the protocol on, and stops at a commit where it is to be killed.

A commit is a COMMIT, or a statement outside a transaction that writes. PostgreSQL's protocol, version 3: the first
message has no type, every other is a letter and a length; `Z` (ReadyForQuery) ends each answer and tells whether a
transaction is open.
"""

import asyncio
import struct
from collections.abc import AsyncIterator
from pathlib import Path

from tests.crashes import sql
from tests.crashes.points import Boundary, Struck, Watch

_SECURE = (80877103, 80877104)
"""Requests for TLS and for GSSAPI."""


class PostgresWire:
    """One worker's way to PostgreSQL, a socket in a folder of its own."""

    def __init__(self, folder: Path, upstream: Path, watch: Watch) -> None:
        self.folder, self._upstream, self._watch = folder, upstream, watch
        self.commits = 0
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        self.folder.mkdir(mode=0o700, parents=True)
        self._server = await asyncio.start_unix_server(self._serve, self.folder / self._upstream.name)

    def close(self) -> None:
        if self._server:
            self._server.close()
        for task in self._open:
            task.cancel()

    def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._converse(reader, writer))
        self._open.add(task)  # the loop itself would forget it
        task.add_done_callback(self._open.discard)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            answers, above = await asyncio.open_unix_connection(self._upstream)
            await _Session(self, self._watch, (reader, writer), (answers, above)).run()
        except OSError:
            pass
        finally:
            writer.transport.abort()


class _Session:
    """One connection."""

    def __init__(self, wire: PostgresWire, watch: Watch, below: tuple, above: tuple) -> None:
        self.wire, self.watch = wire, watch
        (self.asks, self.below), (self.answers, self.above) = below, above
        self.is_open_transaction = False
        self.effects: list[str] = []
        self.prepared: dict[bytes, str] = {}
        self.boundary: Boundary | None = None
        self.ready = asyncio.Event()

    async def run(self) -> None:
        ways = [asyncio.create_task(self._up()), asyncio.create_task(self._down())]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            for end in (self.below, self.above):
                end.transport.abort()
        for outcome in await asyncio.gather(*ways, return_exceptions=True):
            if isinstance(outcome, Exception) and not isinstance(outcome, OSError | EOFError | Struck):
                raise outcome

    async def _up(self) -> None:
        """Pass on what the worker asks: one question after another."""
        self.above.write(await self._greeting())
        unit, statement = b"", ""
        async for kind, message in _messages(self.asks):
            unit += message
            statement = self._statement(kind, message[5:]) or statement
            if kind in b"QSXHpdcf":  # what is answered together has ended
                await self._pass(unit, statement)
                unit, statement = b"", ""

    async def _greeting(self) -> bytes:
        while True:
            head = await self.asks.readexactly(8)
            length, code = struct.unpack("!II", head)
            if code not in _SECURE:
                return head + await self.asks.readexactly(length - 8)
            self.below.write(b"N")

    def _statement(self, kind: bytes, body: bytes) -> str:
        match kind:
            case b"Q":
                return body.rstrip(b"\0").decode(errors="replace")
            case b"P":
                name, query = body.split(b"\0", 2)[:2]
                self.prepared[name] = query.decode(errors="replace")
                return self.prepared[name]
            case b"B":
                return self.prepared.get(body.split(b"\0", 2)[1], "")
        return ""

    async def _pass(self, unit: bytes, statement: str) -> None:
        self.boundary = self._met(statement)
        if self.boundary:
            await self.boundary.reach("before")
        self.ready.clear()
        self.above.write(unit)
        if statement:
            await self.ready.wait()

    def _met(self, statement: str) -> Boundary | None:
        """The boundary that this statement is, if it is one."""
        if not statement or sql.is_begin(statement):
            self.effects = []
            return None
        if self.is_open_transaction and not sql.is_commit(statement):
            if what := sql.effect(statement):
                self.effects.append(what)
            return None
        effects = self.effects if sql.is_commit(statement) else [sql.effect(statement)]
        self.effects = []
        what = ", ".join(dict.fromkeys(filter(None, effects)))
        if not what:  # nothing was written or locked
            return None
        self.wire.commits += 1
        return self.watch.meet("sql", what)

    async def _down(self) -> None:
        """Pass on what PostgreSQL answers. That to a commit is held back until it is whole: it may have to be lost."""
        held = b""
        async for kind, message in _messages(self.answers):
            held += message
            if kind == b"Z":
                self.is_open_transaction = message[-1:] != b"I"
                if self.boundary:
                    await self.boundary.reach("after")
                self.boundary = None
            if self.below.is_closing():  # nobody listens any more
                return
            if not self.boundary:
                self.below.write(held)
                held = b""
            if kind == b"Z":
                self.ready.set()


async def _messages(reader: asyncio.StreamReader) -> AsyncIterator[tuple[bytes, bytes]]:
    """Each as its letter and as a whole. Raises EOFError at the end."""
    buffer = b""
    while chunk := await reader.read(2**16):
        buffer, at = buffer + chunk, 0
        while len(buffer) >= at + 5 and len(buffer) >= (end := at + 1 + int.from_bytes(buffer[at + 1 : at + 5])):
            yield buffer[at : at + 1], buffer[at:end]
            at = end
        buffer = buffer[at:]
    raise EOFError
