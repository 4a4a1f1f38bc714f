"""The processes of `ondol up`: their start, their output line by line, and their restart when they end."""

import contextlib
import io
import logging
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from functools import partial
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import cast

from ondol.host.process import die_with_parent

RESTART_AFTER = (0.2, 0.5, 1.0, 2.0, 5.0)
CALM_AFTER = 30.0
"""The seconds of running after which the back-off of a child starts from the beginning."""
LOG_BYTES = 5_000_000
LINE_BYTES = 65_536
"""Longer lines are cut, so that output without an end of line does not fill our memory."""


class Child:
    """One part of `ondol up`; `tell` prints a line on the terminal."""

    def __init__(
        self, name: str, words: list[str], env: Mapping[str, str], logs: Path, tell: Callable[[str], None]
    ) -> None:
        self.name, self.words, self.env = name, words, dict(env)
        self.process: subprocess.Popen[bytes] | None = None
        self._last_line = "it said nothing."
        self._reader: threading.Thread | None = None
        self._tell, self._log = tell, _log(name, logs)
        self._failures, self._started, self._due = 0, 0.0, 0.0

    def start(self) -> None:
        """Start it; it ends when we end."""
        self._started = time.monotonic()
        self.process = subprocess.Popen(
            self.words, env=self.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            start_new_session=True, preexec_fn=partial(die_with_parent, signal.SIGTERM, os.getpid()),
        )  # fmt: skip
        self._reader = threading.Thread(target=self._read, args=(self.process,), name=self.name, daemon=True)
        self._reader.start()

    @property
    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def keep_running(self) -> None:
        """Start it again if it has ended, whatever its exit code: a worker that lost PostgreSQL ends with 0."""
        if self.process is None or self.is_running:
            return
        now = time.monotonic()
        if not self._due:
            self._wait_before_restart(now, f"ended with code {self.process.returncode}")
        elif now >= self._due:
            self._due = 0.0
            self._kill_group()  # processes that a killed server has left behind
            try:
                self.start()
            except OSError as error:
                self._wait_before_restart(now, f"cannot be started ({error.strerror})")

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """Ask it to end, by a signal."""
        if self.is_running and self.process:
            self.process.send_signal(how)

    def join(self, seconds: float) -> None:
        """Wait for its end; if it has not ended by then, kill it with its whole session."""
        if self.process is None:
            return
        try:
            self.process.wait(max(seconds, 0.0))
        except subprocess.TimeoutExpired:
            self.say("did not end in time and is killed; nothing is lost by that")
            self.process.kill()
            self.process.wait()
        self._kill_group()

    def say(self, text: str) -> None:
        """Print a line of ours about it."""
        self._log.warning(text)
        self._tell(f"{self.name:>8} | {text}")

    def last_words(self) -> str:
        """Return why it has ended, as a sentence: its last line."""
        if self._reader:
            self._reader.join(1)
        return f"The part `{self.name}` ended at its start: {self._last_line.removeprefix('ondol: ')}"

    def _wait_before_restart(self, now: float, what: str) -> None:
        if now - self._started > CALM_AFTER:
            self._failures = 0
        wait = RESTART_AFTER[min(self._failures, len(RESTART_AFTER) - 1)]
        self._failures += 1
        self._due = now + wait
        self.say(f"{what}; starting again in {wait:g} s")

    def _kill_group(self) -> None:
        """Kill what it forked, by its process group, whose id is not reused before the group is empty."""
        if self.process:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)

    def _read(self, process: "subprocess.Popen[bytes]") -> None:
        if process.stdout is None:
            return
        with process.stdout as source:
            for line in iter(partial(source.readline, LINE_BYTES), b""):
                text = line.decode(errors="replace").rstrip()
                self._last_line = text or self._last_line
                self._log.info(text)
                self._tell(f"{self.name:>8} | {text}")


class _PrivateFile(RotatingFileHandler):
    """A log file that only its owner can read; a full disk does not stop anything."""

    def _open(self) -> io.TextIOWrapper:
        handle = os.open(self.baseFilename, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        os.fchmod(handle, 0o600)
        return cast(io.TextIOWrapper, os.fdopen(handle, self.mode, encoding="utf-8", errors="backslashreplace"))

    def handleError(self, record: logging.LogRecord) -> None:
        """Do nothing: the terminal still shows the line."""


def _log(name: str, folder: Path) -> logging.Logger:
    """Return a logger to a file of at most 5 MB, with one older file."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    log = logging.getLogger(f"ondol.up.{name}")
    log.propagate = False
    log.setLevel(logging.INFO)
    for old in log.handlers[:]:
        old.close()
        log.removeHandler(old)
    file = _PrivateFile(folder / f"{name}.log", maxBytes=LOG_BYTES, backupCount=1)
    file.setFormatter(logging.Formatter("%(message)s"))
    log.addHandler(file)
    return log
