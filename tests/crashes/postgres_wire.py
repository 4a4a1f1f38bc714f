"""Between one worker and PostgreSQL: passes the protocol on, and stops at a commit where it is to be killed.

A commit is a COMMIT, or a statement outside a transaction that writes. PostgreSQL's protocol, version 3: the first
message has no type, every other is a letter and a length; `Z` (ReadyForQuery) ends each answer and tells whether a
transaction is open.
"""

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import suppress
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
        self._open: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        self.folder.mkdir(mode=0o700, parents=True)
        self._server = await asyncio.start_unix_server(self._serve, self.folder / self._upstream.name)

    def close(self) -> None:
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
        self.told = b""
        """The answer so far, held back where it may have to be lost."""
        self.ready = asyncio.Event()

    async def run(self) -> None:
        ways = [asyncio.create_task(self._down()), asyncio.create_task(self._up())]
        try:
            done, _ = await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            for end in (self.below, self.above):
                end.transport.abort()
        for way in done:
            with suppress(OSError, asyncio.IncompleteReadError, Struck):
                way.result()

    async def _up(self) -> None:
        """From the worker: one question after another."""
        self.above.write(await self._greeting())
        async for unit, statement in self._units():
            self.boundary = self._met(statement)
            if self.boundary:
                await self.boundary.reach("before")
            self.ready.clear()
            self.above.write(unit)
            await self.above.drain()
            if statement:
                await self.ready.wait()

    async def _greeting(self) -> bytes:
        while True:
            head = await self.asks.readexactly(8)
            length, code = struct.unpack("!II", head)
            if code not in _SECURE:
                return head + await self.asks.readexactly(length - 8)
            self.below.write(b"N")

    async def _units(self) -> AsyncIterator[tuple[bytes, str]]:
        """What is answered together, and its statement."""
        unit, statement = b"", ""
        while True:
            kind, length = struct.unpack("!cI", head := await self.asks.readexactly(5))
            body = await self.asks.readexactly(length - 4)
            unit += head + body
            match kind:
                case b"Q":
                    statement = _text(body)
                case b"P":
                    name, query = body.split(b"\0", 2)[:2]
                    self.prepared[name] = statement = query.decode(errors="replace")
                case b"B":
                    statement = self.prepared.get(body.split(b"\0", 2)[1], "?")
            if kind in b"QSXHpdcf":
                yield unit, statement
                unit, statement = b"", ""

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
        """From PostgreSQL."""
        while True:
            kind, length = struct.unpack("!cI", head := await self.answers.readexactly(5))
            message = head + await self.answers.readexactly(length - 4)
            if kind == b"Z":
                await self._answered(message)
            elif self.boundary:
                self.told += message
            else:
                self.below.write(message)

    async def _answered(self, message: bytes) -> None:
        self.is_open_transaction = message[-1:] != b"I"
        told, boundary, self.told, self.boundary = self.told + message, self.boundary, b"", None
        if boundary:
            await boundary.reach("after")
        self.below.write(told)
        self.ready.set()


def _text(body: bytes) -> str:
    return body.rstrip(b"\0").decode(errors="replace")
