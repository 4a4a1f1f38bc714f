"""Parts of Ondol as processes, whatever they say to AWS and to PostgreSQL under watch."""

import asyncio
import os
import signal
import time
from contextlib import suppress
from pathlib import Path

from tests.crashes.ground import Ground
from tests.crashes.http_wire import HttpWire
from tests.crashes.points import Struck, Watch
from tests.crashes.postgres_wire import PostgresWire
from tests.journey.site import free_port


class Part:
    """One `ondol …`, struck by a signal where its watch says so."""

    def __init__(self, ground: Ground, database: str, folder: Path, how: str) -> None:
        """`how` it is struck: `kill`, or `term`, or `freeze` until it is thawed."""
        self.ground, self.database, self.folder, self.how = ground, database, folder, how
        self.watch = Watch(self._strike)
        self.aws = HttpWire(ground.aws["AWS_ENDPOINT_URL"], self.watch)
        self.postgres = PostgresWire(folder / "sql", ground.postgres_socket, self.watch)
        self.thawed = asyncio.Event()
        self._process = self._pid = -1

    async def start(self, *words: str, **more: str) -> None:
        """Start `ondol WORDS`; returns while it still starts."""
        self.folder.mkdir(parents=True)
        await self.postgres.open()
        env = {
            "AWS_ENDPOINT_URL": await self.aws.open(),
            "DATABASE_URL": self.ground.url(self.database, self.postgres.folder),
            "ONDOL_HOME": str(self.folder),
            **more,
        }
        self._pid, _ = await self.ground.fork(self.folder / "log", words=words, env=env)
        self._process = os.pidfd_open(self._pid)  # an id may be given to another process, a descriptor is not

    async def _strike(self) -> None:
        match self.how:
            case "kill":
                self.kill()
                raise Struck
            case "term":
                self.signal(signal.SIGTERM)
            case "freeze":
                self.signal(signal.SIGSTOP)
                await self.thawed.wait()

    def kill(self) -> None:
        self.signal(signal.SIGKILL)

    def signal(self, what: signal.Signals) -> None:
        signal.pidfd_send_signal(self._process, what)

    def thaw(self) -> None:
        """Let a frozen one go on, and what it had asked for."""
        self.signal(signal.SIGCONT)
        self.thawed.set()

    async def ended(self, seconds: float) -> None:
        """Wait for its end; raises TimeoutError."""
        end = time.monotonic() + seconds
        while self._process != -1:
            try:
                self.signal(signal.Signals(0))
            except (ProcessLookupError, ValueError):
                return
            if time.monotonic() > end:
                raise TimeoutError(f"it still runs {seconds:.0f} s after SIGTERM")
            await asyncio.sleep(0.1)

    def end(self) -> None:
        """Once is enough."""
        if self._process != -1:
            with suppress(ProcessLookupError):
                self.signal(signal.SIGKILL)
            os.close(self._process)
            self._process = -1
        self.aws.close()
        self.postgres.close()


class Worker(Part):
    """`ondol worker`."""


class Web(Part):
    """`ondol web`: a process that serves, and one that watches it and starts it again."""

    def __init__(self, ground: Ground, database: str, folder: Path, how: str) -> None:
        super().__init__(ground, database, folder, how)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"

    def kill(self) -> None:
        """Only what serves."""
        for task in Path(f"/proc/{self._pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                os.kill(int(child), signal.SIGKILL)
