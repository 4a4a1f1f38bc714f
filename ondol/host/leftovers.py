"""What a killed PostgreSQL left behind: its processes outlive it for as long as their statement runs.

A new server refuses to start beside them. Call `clear` only while holding the home's lock: then no process on that
folder belongs to anybody.
"""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

_PROC = Path("/proc")


def clear(data: Path, waiting: Callable[[], None]) -> None:
    """Ends every server process on the folder `data`, gently first; nothing acknowledged is lost by that."""
    postmaster = _pid_in(data / "postmaster.pid")
    # One that is still going down after its supervisor was killed may have much to write.
    steps = [(signal.SIGINT, 30.0)] if postmaster in list(servers_on(data)) else []
    for how, seconds in (*steps, (signal.SIGQUIT, 3.0), (signal.SIGKILL, 3.0)):
        found = list(servers_on(data))
        for pid in found if how != signal.SIGINT else [postmaster]:
            with suppress(ProcessLookupError):
                os.kill(pid, how)
        if found:
            _wait_until_gone(data, seconds, waiting)
    if _is_alive(postmaster):
        # Somebody else has that number by now; PostgreSQL would take them for its other self, and refuse.
        (data / "postmaster.pid").unlink(missing_ok=True)


def servers_on(data: Path) -> Iterator[int]:
    """PostgreSQL's processes whose working folder is `data`: the server and its children."""
    try:
        wanted = data.stat()
        candidates = [int(entry.name) for entry in _PROC.iterdir() if entry.name.isdigit()]
    except OSError:  # no data yet, or not Linux
        return
    for pid in candidates:
        with suppress(OSError):
            if (_PROC / f"{pid}/comm").read_text().startswith("postgres") and os.path.samestat(
                (_PROC / f"{pid}/cwd").stat(), wanted
            ):
                yield pid


def _wait_until_gone(data: Path, seconds: float, waiting: Callable[[], None]) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end and any(True for _ in servers_on(data)):
        waiting()
        time.sleep(0.05)  # noqa: TID251  processes at the edge


def _pid_in(file: Path) -> int:
    try:
        return int(file.read_text().split()[0])
    except (FileNotFoundError, ValueError, IndexError):
        return 0


def _is_alive(pid: int) -> bool:
    if pid <= 0:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
