"""The SSH client of a worker, in a process that it kills: at its deadline, or once nobody wants it any more."""

import json
import os
import selectors
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ondol.reconciler import ssh_client

LOOKS_EVERY = 0.5
"""Seconds between two checks whether it is still wanted."""
MAX_ANSWER = 2**20
_KEPT = ("PATH", "LD_LIBRARY_PATH")
"""The environment variables that it gets: none of the worker's secrets."""

EnsureWished = Callable[[], None]
"""Raises an error to end the conversation; it is called every half second."""


class NoAnswer(Exception):
    """It did not answer in time, or has ended."""


class SSHProcess:
    """The client's process, as its worker sees it."""

    def __init__(self, process: "subprocess.Popen[bytes]", ensure_wished: EnsureWished) -> None:
        if process.stdin is None or process.stdout is None:
            raise ValueError("the client needs pipes")
        self._process, self._ensure_wished = process, ensure_wished
        self._stdin, self._stdout = process.stdin.fileno(), process.stdout.fileno()
        for pipe in (self._stdin, self._stdout):
            os.set_blocking(pipe, False)

    def ask(self, request: dict[str, Any] | None, within: float) -> dict[str, Any]:
        """Send a request, if any, and return the answer. Raises NoAnswer, or what `ensure_wished` raises."""
        to_send = b"" if request is None else json.dumps(request).encode() + b"\n"
        came, until = b"", time.monotonic() + within
        with selectors.DefaultSelector() as selector:
            selector.register(self._stdout, selectors.EVENT_READ)
            if to_send:
                selector.register(self._stdin, selectors.EVENT_WRITE)
            looked = time.monotonic()
            while not came.endswith(b"\n"):
                if (left := until - time.monotonic()) <= 0:
                    raise NoAnswer(f"no answer in {within:g} s")
                for ready, _events in selector.select(min(left, LOOKS_EVERY)):
                    if ready.fd == self._stdin:
                        to_send = to_send[self._sent(to_send) :]
                        if not to_send:
                            selector.unregister(self._stdin)
                    else:
                        came += self._read()
                if len(came) > MAX_ANSWER:
                    raise NoAnswer("its answer is too long")
                if time.monotonic() - looked >= LOOKS_EVERY:
                    self._ensure_wished()
                    looked = time.monotonic()
        answer: dict[str, Any] = json.loads(came)
        return answer

    def _sent(self, data: bytes) -> int:
        try:
            return os.write(self._stdin, data)
        except BrokenPipeError:
            raise NoAnswer(self._ended()) from None

    def _read(self) -> bytes:
        if not (data := os.read(self._stdout, 65536)):
            raise NoAnswer(self._ended())
        return data

    def _ended(self) -> str:
        """Return how it ended. Text on its standard error is from a broken installation, never from a server."""
        self._process.kill()
        _, errors = self._process.communicate()
        last = errors.decode(errors="replace").strip().splitlines()[-1:]
        return " ".join([f"the SSH client ended with {self._process.returncode}", *last])


@contextmanager
def running(ensure_wished: EnsureWished) -> Iterator[SSHProcess]:
    """Run a client, and kill it at the end of the block, whatever it is doing."""
    process = subprocess.Popen(
        [sys.executable, "-I", str(Path(ssh_client.__file__))],
        env={name: os.environ[name] for name in _KEPT if name in os.environ},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        bufsize=0,
    )
    with process:
        try:
            yield SSHProcess(process, ensure_wished)
        finally:
            process.kill()
