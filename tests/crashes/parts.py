"""Parts of Ondol as processes; what they send to AWS and to PostgreSQL is watched."""

import asyncio
import os
import signal
import time
from contextlib import suppress
from itertools import chain
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
        self.struck_at = 0.0
        self._process = self._pid = -1

    async def start(self, *words: str, **more: str) -> None:
        """Start `ondol WORDS`; returns while it still starts."""
        self.folder.mkdir(parents=True)
        await self.postgres.open()
        self._words, self._env = (
            words,
            {
                "AWS_ENDPOINT_URL": await self.aws.open(),
                "DATABASE_URL": self.ground.url(self.database, self.postgres.folder),
                "ONDOL_HOME": str(self.folder),
                **more,
            },
        )
        await self.again()

    async def again(self) -> None:
        """Start it, as a supervisor does."""
        self._pid, _ = await self.ground.fork(self.folder / "log", words=self._words, env=self._env)
        self._process = os.pidfd_open(self._pid)  # an id may be given to another process, a descriptor is not

    async def _strike(self) -> None:
        self.struck_at = time.monotonic()
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
        os.close(self._process)
        self._process = -1

    def signal(self, what: int) -> None:
        signal.pidfd_send_signal(self._process, what)

    def thaw(self) -> None:
        """Let a frozen one go on, and what it had asked for."""
        self.signal(signal.SIGCONT)
        self.thawed.set()

    async def ended(self, seconds: float) -> None:
        """Wait until so many seconds after it was struck; raises TimeoutError if it has not ended by then."""
        with suppress(ProcessLookupError):
            while self.is_started:
                self.signal(0)
                if time.monotonic() > self.struck_at + seconds:
                    raise TimeoutError(f"it still runs {seconds:.0f} s after SIGTERM")
                await asyncio.sleep(0.1)

    @property
    def is_started(self) -> bool:
        """And nobody has killed it since."""
        return self._process != -1

    def end(self) -> None:
        """Once is enough."""
        if self.is_started:
            with suppress(ProcessLookupError):
                self.kill()
        self.aws.close()
        self.postgres.close()


class Worker(Part):
    """`ondol worker`."""


class Web(Part):
    """`ondol web`: a process that serves, and one that watches it."""

    def __init__(self, ground: Ground, database: str, folder: Path, how: str) -> None:
        super().__init__(ground, database, folder, how)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"

    def kill(self) -> None:
        """Both of them."""
        serving = [(task / "children").read_text().split() for task in Path(f"/proc/{self._pid}/task").iterdir()]
        super().kill()
        for pid in map(int, chain.from_iterable(serving)):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
