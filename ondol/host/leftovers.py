"""Processes that a killed PostgreSQL has left behind: they live on for as long as their statement runs.

Two servers on one folder would destroy it. Call `clear` only while holding the home's lock: then no process on that
folder belongs to anybody.
"""

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

_STEPS = ((signal.SIGINT, 30.0), (signal.SIGQUIT, 3.0), (signal.SIGKILL, 3.0))


class StillThere(Exception):
    """A server that not even SIGKILL ended; the text is a sentence."""


def mark(data: Path) -> str:
    """Return the name of the server on `data` (`cluster_name`), which everybody can read in its processes' command
    lines.

    The working directory would show it too, but root in a container may not read that of another user's process.
    """
    state = data.stat()
    return f"ondol-{state.st_dev:x}-{state.st_ino:x}"


def clear(data: Path, socket: Path, uid: int, waiting: Callable[[], None]) -> None:
    """End every server process on `data`, gently first, so that nothing acknowledged is lost. Raises StillThere."""
    for how, seconds in _STEPS:
        found = servers_on(data, uid)
        if how == signal.SIGINT:
            # A server that is still shutting down after its supervisor was killed may have much to write; without it,
            # the others would only finish their statement and wait.
            found = [pid for pid in found if pid == _pid_in(data / "postmaster.pid")]
        for pid in found:
            with suppress(ProcessLookupError):
                os.kill(pid, how)
        end = time.monotonic() + seconds
        while found and time.monotonic() < end and servers_on(data, uid):
            waiting()
            time.sleep(0.05)  # noqa: TID251  processes at the edge
    if left := servers_on(data, uid):
        raise StillThere(f"Another PostgreSQL works on {data} and does not end: processes {left}.")
    for file in socket.iterdir():
        file.unlink(missing_ok=True)
    _disown(data / "postmaster.pid")


def servers_on(data: Path, uid: int) -> list[int]:
    """Return PostgreSQL's processes on the folder `data`: the server and its children."""
    wanted, found = mark(data).encode(), []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if wanted in (folder / "cmdline").read_bytes() and uid in _uids(folder):
                found.append(int(folder.name))
    return found


def _uids(process: Path) -> list[int]:
    """Return the real, effective, saved and file-system user ids."""
    lines = (process / "status").read_text().splitlines()
    return [int(word) for line in lines if line.startswith("Uid:") for word in line.split()[1:]]


def _disown(file: Path) -> None:
    """Write our pid into the file: after a reboot the old one may be another process's, and PostgreSQL would refuse.

    It counts its parent's pid, ours, as stale, and then still checks whether anybody uses the memory that the file
    names; it could not if the file were gone.
    """
    if file.exists():
        _, _, rest = file.read_text().partition("\n")
        with file.open("r+") as target:
            target.write(f"{os.getpid()}\n{rest}")
            target.truncate()


def _pid_in(file: Path) -> int:
    try:
        return int(file.read_text().split()[0])
    except (FileNotFoundError, ValueError, IndexError):
        return 0
