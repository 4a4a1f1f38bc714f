"""The terminal of `ondol up`, which may be slow, stopped with Ctrl-S, or gone. `ondol up` never waits for it."""

import contextlib
import os
import queue
import threading
import time

OUT, ERR = 1, 2


class Terminal:
    """Prints lines in order, from a thread of its own; lines that a stopped terminal cannot take are dropped."""

    def __init__(self) -> None:
        self._lines: queue.Queue[tuple[int, str]] = queue.Queue(2000)
        threading.Thread(target=self._write, name="terminal", daemon=True).start()

    def tell(self, text: str, where: int = OUT) -> None:
        """Print one or more lines; return at once."""
        with contextlib.suppress(queue.Full):
            self._lines.put_nowait((where, text))

    def flush(self, seconds: float = 1.0) -> None:
        """Wait until all lines are printed."""
        end = time.monotonic() + seconds
        while self._lines.unfinished_tasks and time.monotonic() < end:
            time.sleep(0.01)  # noqa: TID251  a process at the edge

    def _write(self) -> None:
        while True:
            where, text = self._lines.get()
            # Not by sys.stdout: a thread that cannot write would hold its lock, and keep us from ending.
            with contextlib.suppress(OSError):
                rest = (text + "\n").encode(errors="backslashreplace")
                while rest:
                    rest = rest[os.write(where, rest) :]
            self._lines.task_done()
