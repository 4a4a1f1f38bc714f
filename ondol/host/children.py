"""The processes of `ondol up`: started, their output told apart, started again when they end."""

import logging
import os
import signal
import subprocess
import threading
import time
from collections.abc import Mapping
from functools import partial
from logging.handlers import RotatingFileHandler
from pathlib import Path

from ondol.host.process import die_with_parent

RESTART_AFTER = (0.2, 0.5, 1.0, 2.0, 5.0)
CALM_AFTER = 30.0
"""A child that has run for so many seconds starts its back-off anew."""


class Child:
    """One part of `ondol up`."""

    def __init__(self, name: str, words: list[str], env: Mapping[str, str], logs: Path) -> None:
        self.name, self.words, self.env = name, words, dict(env)
        self.process: subprocess.Popen[bytes] | None = None
        self._log = _log(name, logs)
        self._failures, self._started, self._due = 0, 0.0, 0.0

    def start(self) -> None:
        """Start it; its end follows ours."""
        self.process = subprocess.Popen(
            self.words, env=self.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            start_new_session=True, preexec_fn=partial(die_with_parent, signal.SIGTERM, os.getpid()),
        )  # fmt: skip
        self._started = time.monotonic()
        threading.Thread(target=self._read, args=(self.process,), daemon=True).start()

    @property
    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def keep_running(self) -> None:
        """Start it again if it has ended, whatever its exit code: a worker that lost PostgreSQL ends with 0."""
        if self.process is None or self.is_running:
            return
        now = time.monotonic()
        if not self._due:
            if now - self._started > CALM_AFTER:
                self._failures = 0
            wait = RESTART_AFTER[min(self._failures, len(RESTART_AFTER) - 1)]
            self._failures += 1
            self._due = now + wait
            self.say(f"ended with code {self.process.returncode}; starting again in {wait:g} s")
        elif now >= self._due:
            self._due = 0.0
            self.start()

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """Ask it to end."""
        if self.is_running and self.process:
            self.process.send_signal(how)

    def join(self, seconds: float) -> None:
        """Wait for its end; what has not ended by then is killed, with its whole session."""
        if self.process is None:
            return
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.say("did not end in time and is killed; nothing is lost by that")
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def say(self, text: str) -> None:
        """A line of ours about it."""
        self._log.warning(text)

    def _read(self, process: "subprocess.Popen[bytes]") -> None:
        if process.stdout is None:
            return
        with process.stdout:
            for line in process.stdout:
                self._log.info(line.decode(errors="replace").rstrip())


def _log(name: str, folder: Path) -> logging.Logger:
    """To the terminal with the part's name in front, and to a file of at most 5 MB and one before it."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    log = logging.getLogger(f"ondol.up.{name}")
    log.propagate = False
    log.setLevel(logging.INFO)
    log.handlers.clear()
    terminal, file = (
        logging.StreamHandler(),
        RotatingFileHandler(folder / f"{name}.log", maxBytes=5_000_000, backupCount=1),
    )
    terminal.setFormatter(logging.Formatter(f"{name:>8} | %(message)s"))
    file.setFormatter(logging.Formatter("%(message)s"))
    log.addHandler(terminal)
    log.addHandler(file)
    return log
