"""The cloud's end of the connection to the supervisor: requests, answers, and notices of processes that have ended."""

import asyncio
import itertools
import json
import logging
import socket
from collections.abc import Awaitable, Callable
from typing import Any

from localcloud.sandboxes.plan import Command
from localcloud.sandboxes.process_supervisor import LARGEST, as_request
from localcloud.sandboxes.usage import Usage

log = logging.getLogger(__name__)

Ended = Callable[[int], None]


class Conversation:
    """The connection to the supervisor. Used from the event loop's thread only."""

    def __init__(self, channel: socket.socket, lost: Callable[[], None]) -> None:
        self._channel = channel
        self._lost = lost
        self._numbers = itertools.count(1)
        self._jobs: dict[str, Ended] = {}
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}

    def start(self) -> None:
        asyncio.get_running_loop().add_reader(self._channel.fileno(), self._hear)

    def spawn(self, command: Command, descriptors: list[int], ended: Ended) -> str:
        """Start a process; `ended` gets its wait status. The descriptors are copied, the caller closes its own."""
        job = f"job-{next(self._numbers)}"
        message = as_request(job, command)
        if len(message) > LARGEST:
            raise ValueError("the command is too long")
        self._jobs[job] = ended
        socket.send_fds(self._channel, [message], descriptors)
        return job

    def hang_up(self, job: str) -> None:
        self._jobs.pop(job, None)
        self._say(do="hangup", job=job)

    def sockets(self, sandbox: str, **wish: Any) -> Awaitable[list[socket.socket]]:
        """Ask at once for sockets in the machine's own network, as `Networks.sockets` makes them."""
        return self._take_sockets(self._ask(do="sockets", sandbox=sandbox, **wish))

    async def _take_sockets(self, asked: Awaitable[dict[str, Any]]) -> list[socket.socket]:
        answer = await asked
        if answer.get("failure"):
            raise OSError(answer["failure"])
        return [socket.socket(fileno=descriptor) for descriptor in answer["descriptors"]]

    def signal(self, job: str, number: int) -> None:
        self._say(do="signal", job=job, number=int(number))

    async def end(self, sandbox: str, number: int) -> int:
        """Send a signal to every process of a sandbox; return how many are left right after it."""
        answer = await self._ask(do="end", sandbox=sandbox, number=int(number))
        return int(answer["left"])

    async def usage(self, ports: set[int]) -> tuple[float, dict[str, Usage]]:
        """Return the time of the reading, and what the processes of each sandbox have used since the supervisor began.

        `ports` are the cloud's own, to which sandboxes connect like any client.
        """
        answer = await self._ask(do="usage", ports=sorted(ports))
        return float(answer["at"]), {sandbox: Usage(*one) for sandbox, one in answer["usage"].items()}

    def _say(self, **words: Any) -> None:
        self._channel.send(json.dumps(words).encode())

    def _ask(self, **words: Any) -> Awaitable[dict[str, Any]]:
        number = next(self._numbers)
        future: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._answers[number] = future
        self._say(id=number, **words)
        return future

    def _hear(self) -> None:
        try:
            message, descriptors, _, _ = socket.recv_fds(self._channel, LARGEST, 16, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return
        except OSError:
            message = b""
        if not message:
            asyncio.get_running_loop().remove_reader(self._channel.fileno())
            log.error("the supervisor of the sandboxes has ended; without it no machine can run anything")
            self._lost()
            return
        words = {**json.loads(message), "descriptors": descriptors}
        if "job" in words:
            ended = self._jobs.pop(words["job"], None)
            if ended:
                ended(words["status"])
        elif "id" in words:
            future = self._answers.pop(words["id"], None)
            if future and not future.done():
                future.set_result(words)

    def close(self) -> None:
        """Close the connection: the supervisor then ends every process and itself."""
        self._channel.close()
