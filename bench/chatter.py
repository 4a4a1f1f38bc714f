"""What an idle machine's network and disk do, against a download: docs/decisions/0016 takes its defaults from it.

Each kind of traffic runs for half a minute through a proxy that counts bytes and packets, as EC2's interface does: what
TCP carries, and 66 bytes of headers for each packet and each acknowledgement. The server is asyncssh's, the scanner is
OpenSSH's own client.
"""

import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import asyncssh

from bench.place import table

SECONDS = 30.0
HEADERS = 66
"""Ethernet, IPv4 and TCP with its time stamps; as much again for the acknowledgement."""
EDITOR_ALIVE, FRAME = 5.0, 13
"""An editor's remote server keeps each of its connections alive so: seconds, and bytes of a frame without content."""
SCANS_IN_A_MINUTE = 20
PERIOD, NETWORK, DISK = 300, 100e3, 1e6


@dataclass
class Counter:
    """A proxy in front of one server, and what went through."""

    port: int = 0
    bytes: int = 0
    packets: int = 0

    async def start(self, to: int) -> "Counter":
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            inner, outer = await asyncio.open_connection("127.0.0.1", to)
            await asyncio.gather(self._pump(reader, outer), self._pump(inner, writer))

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        return self

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while piece := await reader.read(1448):  # what fits into one packet
                self.bytes += len(piece)
                self.packets += 1
                writer.write(piece)
                await writer.drain()
        except OSError:
            pass
        finally:
            writer.close()

    def rate(self, seconds: float) -> float:
        """Return bytes in a second, in and out together."""
        return (self.bytes + 2 * HEADERS * self.packets) / seconds


class _Anybody(asyncssh.SSHServer):
    """Lets `anybody` in, and nobody else."""

    def begin_auth(self, username: str) -> bool:
        return username != "anybody"

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        return False

    def connection_requested(self, *where: object) -> bool:
        return True


def main() -> None:
    """Measure all kinds side by side, and print each as a share of what counts as work."""
    rows = asyncio.run(_measure())
    rows += _cron()
    shown = [(what, f"{rate / 1e3:.2f} kB/s", f"{100 * rate / limit:.1f}%") for what, rate, limit in rows]
    table("averages of 5 minutes, and the share of what counts as work", ["", "on average", "of the limit"], shown)


async def _measure() -> list[tuple[str, float, float]]:
    key = asyncssh.generate_private_key("ssh-ed25519")
    server = await asyncssh.listen(
        "127.0.0.1", 0, server_host_keys=[key], server_factory=_Anybody, process_factory=_shell, keepalive_interval=0
    )
    port = server.sockets[0].getsockname()[1]
    echo = await asyncio.start_server(_echo, "127.0.0.1", 0)
    far = echo.sockets[0].getsockname()[1]
    kinds: list[tuple[str, Callable[[Counter], Awaitable[None]]]] = [
        ("an open SSH session, kept alive each 15 s", _session),
        ("an editor's server: three connections, kept alive each 5 s", lambda counter: _editor(counter, far)),
        (f"strangers who knock at the SSH port, {SCANS_IN_A_MINUTE} a minute", _scan),
        ("`top` in a terminal, each second", _top),
        ("somebody who types, 5 keys a second", _types),
    ]

    async def one(what: str, traffic: Callable[[Counter], Awaitable[None]]) -> tuple[str, float, float]:
        counter, began = await Counter().start(port), time.monotonic()
        await traffic(counter)
        return what, counter.rate(time.monotonic() - began), NETWORK

    return list(await asyncio.gather(*(one(*kind) for kind in kinds)))


async def _connected(counter: Counter, **options: object) -> asyncssh.SSHClientConnection:
    return await asyncssh.connect(
        "127.0.0.1", counter.port, username="anybody", known_hosts=None, config=None, **options
    )


async def _session(counter: Counter) -> None:
    async with await _connected(counter, keepalive_interval=15) as connection, connection.create_process("sleep"):
        await asyncio.sleep(SECONDS)


async def _editor(counter: Counter, far: int) -> None:
    async with await _connected(counter, keepalive_interval=15) as connection:
        lines = [await connection.open_connection("127.0.0.1", far) for _ in range(3)]
        for _ in range(int(SECONDS / EDITOR_ALIVE)):
            for _reader, writer in lines:
                writer.write(bytes(FRAME))
            await asyncio.sleep(EDITOR_ALIVE)


async def _scan(counter: Counter) -> None:
    with tempfile.TemporaryDirectory() as folder:
        keys = Path(folder) / "known_hosts"
        for _ in range(int(SCANS_IN_A_MINUTE * SECONDS / 60)):
            words = ["ssh", "-F", "none", "-p", str(counter.port), "-o", f"UserKnownHostsFile={keys}",
                     "-o", "StrictHostKeyChecking=no", "-o", "BatchMode=yes", "root@127.0.0.1", "true"]  # fmt: skip
            scanner = await asyncio.create_subprocess_exec(*words, stderr=asyncio.subprocess.DEVNULL)
            await asyncio.gather(scanner.wait(), asyncio.sleep(60 / SCANS_IN_A_MINUTE))


async def _top(counter: Counter) -> None:
    async with await _connected(counter) as connection:
        process = await connection.create_process("top")
        await asyncio.sleep(SECONDS)
        process.terminate()


async def _types(counter: Counter) -> None:
    async with await _connected(counter) as connection:
        process = await connection.create_process("echo", term_type="xterm")
        for _ in range(int(5 * SECONDS)):
            process.stdin.write("a")
            await asyncio.sleep(0.2)


async def _shell(process: asyncssh.SSHServerProcess[str]) -> None:
    match process.command:
        case "top":  # what a terminal of 24 lines is sent
            while True:
                listing = await asyncio.create_subprocess_exec("ps", "aux", stdout=asyncio.subprocess.PIPE)
                shown, _ = await listing.communicate()
                process.stdout.write("\n".join(line[:80] for line in shown.decode().splitlines()[:24]))
                await asyncio.sleep(1)
        case _:
            await asyncio.sleep(SECONDS + 5)


async def _echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while piece := await reader.read(1024):
        writer.write(piece)


def _cron() -> list[tuple[str, float, float]]:
    """Return what a day's jobs move, all within one period: the lists of packages, as apt keeps them here, and logs.

    A real update fetches the lists that have changed, compressed better than they are kept.
    """
    lists = sum(file.stat().st_size for file in Path("/var/lib/apt/lists").glob("*_Packages*"))
    logs = sum(file.stat().st_size for file in Path("/var/log").glob("*.log") if file.is_file())
    return [
        ("apt's daily update, if all lists had changed: network", lists / PERIOD, NETWORK),
        ("the same: disk", lists / PERIOD, DISK),
        ("logrotate, of all logs here: disk", 2 * logs / PERIOD, DISK),
    ]
