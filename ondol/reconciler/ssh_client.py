"""A program of its own: the SSH client that a worker starts for one machine and may kill at any moment.

The root user of a machine controls its SSH server, and one packet from it can keep a C function busy that holds the GIL
for minutes. In this process, nobody else waits for it. It reads one JSON object a line and answers each with one:

    {"address": …, "port": …, "user": …} → {}
    {"commands": …, "hears": …}          → {"status": …, "said": …, "errors": …}

First it writes the public half of a key whose private half never leaves this process; instead of an answer it may write
{"code": …, "text": …}.
"""

import asyncio
import json
import logging
import os
import resource
import signal
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from asyncssh import SSHClientConnection, SSHKey, SSHReader

LIVES = 120
"""Seconds after which the kernel ends it, also when its worker is frozen or gone."""
CPU_SECONDS = 20
BYTES = 2**30
KEY_EXCHANGES = (
    "curve25519-sha256", "curve25519-sha256@libssh.org",
    "ecdh-sha2-nistp256", "ecdh-sha2-nistp384", "ecdh-sha2-nistp521",
)  # fmt: skip
"""Only named curves. In a Diffie-Hellman group exchange the server chooses the prime, and OpenSSL takes
minutes to find out whether a large one is prime."""
HOST_KEYS = ("ssh-ed25519", "ecdsa-sha2-nistp256")
"""sshd makes both when Ubuntu first boots. RSA is not among them: the server would choose how large the numbers are."""
CIPHERS = ("aes256-gcm@openssh.com", "aes128-gcm@openssh.com", "aes256-ctr", "aes128-ctr")
MACS = ("hmac-sha2-256-etm@openssh.com", "hmac-sha2-512-etm@openssh.com", "hmac-sha2-256", "hmac-sha2-512")


class _SaysTooMuch(Exception):
    """A machine sends more than is wanted."""


class _Client:
    """One conversation with one machine."""

    connection: "SSHClientConnection"

    def __init__(self, key: "SSHKey") -> None:
        self.key = key

    async def answer(self, request: dict[str, Any]) -> None:
        """Carry out a request, and write its result."""
        import asyncssh  # noqa: PLC0415

        try:
            if "address" in request:
                _say(await self._connect(request))
            else:
                _say(await self._run(request["commands"], request["hears"]))
        except asyncssh.PermissionDenied as error:
            _say({"code": "not_let_in", "text": error.reason})
        except (OSError, asyncssh.Error) as error:
            _say({"code": "no_answer", "text": str(error) or type(error).__name__})
        except _SaysTooMuch as error:
            _say({"code": "inside", "text": str(error)})
        except Exception as error:  # a server may trigger any error in the library
            _say({"code": "no_answer", "text": f"{type(error).__name__}: {error}"})

    async def _connect(self, request: dict[str, Any]) -> dict[str, Any]:
        import asyncssh  # noqa: PLC0415

        # The host key is not known, and need not be: nothing secret is sent.
        self.connection = await asyncssh.connect(
            request["address"], request["port"], username=request["user"], client_keys=[self.key], known_hosts=None,
            config=None, agent_path=None, preferred_auth="publickey", gss_host=None, kex_algs=KEY_EXCHANGES,
            server_host_key_algs=HOST_KEYS, encryption_algs=CIPHERS, mac_algs=MACS, signature_algs=["ssh-ed25519"],
            compression_algs=None,  # against decompression bombs
        )  # fmt: skip
        return {}

    async def _run(self, commands: str, hears: int) -> dict[str, Any]:
        """Return the exit status of `sh`, its output, and its errors."""
        # Not closed here: a machine may never confirm that, and this process ends afterwards.
        process = await self.connection.create_process("sh -s", errors="replace")
        with suppress(OSError):  # it has ended already: its output is the answer
            process.stdin.write(commands)
            process.stdin.write_eof()
        said, errors = await asyncio.gather(_heard(process.stdout, hears), _heard(process.stderr, hears))
        await process.wait_closed()
        return {"status": process.exit_status, "said": said, "errors": errors}


async def _heard(reader: "SSHReader[str]", hears: int) -> str:
    """Return the output until its end. `SSHClientConnection.run` would store all that a machine sends."""
    said = ""
    while more := await reader.read(hears):
        said += more
        if len(said) > hears:
            raise _SaysTooMuch(f"it says more than {hears} characters")
    return said


def _say(answer: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


async def _serve() -> None:
    import asyncssh  # noqa: PLC0415

    requests = asyncio.StreamReader(limit=2**20)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(requests), sys.stdin)
    client = _Client(asyncssh.generate_private_key("ssh-ed25519"))
    _say({"public_key": client.key.export_public_key().decode().strip()})
    under_way = []
    while line := await requests.readline():
        under_way.append(asyncio.create_task(client.answer(json.loads(line))))


def main() -> None:
    """Serve until the worker closes standard input, or is gone."""
    signal.alarm(LIVES)
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (BYTES, BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    logging.disable()  # asyncssh would log what the server sends; the answers say enough
    with asyncio.Runner() as runner:
        runner.run(_serve())
        os._exit(0)  # without waiting for anything from a machine


if __name__ == "__main__":
    main()
