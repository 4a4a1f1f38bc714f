# Read for every process several times a minute; pathlib takes three times as long.
# ruff: noqa: PTH110, PTH115, PTH116, PTH123, PTH208
"""Which processes belong to which sandbox, and how much CPU time they have used. Reads /proc, changes nothing.

All are descendants of the supervisor, which adopts orphans. An orphan that was not seen while its parent lived is
recognized by its session, the marker in its environment, its user, or, without a user of its own, its working
directory.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from localcloud.sandboxes.plan import MARKER, Plan

TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Stat:
    parent: int
    session: int
    ticks: int  # its own and those of children it has waited for
    started: int


@dataclass
class Census:
    """The pids and sessions whose sandbox is known; a pid is only trusted with its start time."""

    marker: str
    first_uid: int | None
    seen: dict[tuple[int, int], str] = field(default_factory=dict)
    sessions: dict[int, str] = field(default_factory=dict)
    uids: dict[int, str] = field(default_factory=dict)
    folders: dict[str, str] = field(default_factory=dict)

    def started(self, pid: int, plan: Plan) -> None:
        self.sessions[pid] = plan.sandbox
        self.folders[plan.folder] = plan.sandbox
        if plan.uid is not None:
            self.uids[plan.uid] = plan.sandbox

    def living(self, supervisor: int) -> Iterator[tuple[int, str, Stat]]:
        """Yield every living process of every sandbox. Those whose sandbox is unknown are left out."""
        seen: dict[tuple[int, int], str] = {}
        sessions: set[int] = set()
        for child in children(supervisor):
            for pid, sandbox, stat in self._tree(child, "", seen):
                sessions.add(stat.session)
                yield pid, sandbox, stat
        self.seen = seen
        # The number of a leader that has ended belongs to its children, and once they have ended, to any process.
        self.sessions = {
            s: sandbox for s, sandbox in self.sessions.items() if s in sessions or os.path.exists(f"/proc/{s}")
        }

    def _tree(
        self, pid: int, parents_sandbox: str, seen: dict[tuple[int, int], str]
    ) -> Iterator[tuple[int, str, Stat]]:
        stat = read_stat(pid)
        if stat is None:
            return
        sandbox = parents_sandbox or self.seen.get((pid, stat.started)) or self.sandbox_of(pid, stat)
        if sandbox:
            seen[pid, stat.started] = sandbox
            yield pid, sandbox, stat
        for child in children(pid):
            yield from self._tree(child, sandbox, seen)

    def sandbox_of(self, pid: int, stat: Stat | None) -> str:
        if stat is not None and stat.session in self.sessions:
            return self.sessions[stat.session]
        marked = marked_sandbox(pid, self.marker)
        if marked:
            return marked
        if self.first_uid is not None:
            return self.uids.get(owner_of(pid), "")
        return self._standing_in(pid)

    def _standing_in(self, pid: int) -> str:
        """Return the sandbox by the working directory: a process without its own user can remove all other signs."""
        try:
            place = os.readlink(f"/proc/{pid}/cwd")
        except OSError:
            return ""
        return next((sandbox for folder, sandbox in self.folders.items() if place.startswith(f"{folder}/")), "")


def descendants(pid: int) -> list[int]:
    found = children(pid)
    return found + [deeper for child in found for deeper in descendants(child)]


def children(pid: int) -> list[int]:
    """Return the children of all its threads: each thread has its own list."""
    found: list[int] = []
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/children") as file:
                found += map(int, file.read().split())
    except FileNotFoundError:
        if not Path(f"/proc/self/task/{os.getpid()}/children").exists():
            return _children_the_long_way(pid)
    except OSError:
        pass
    return found


def _children_the_long_way(pid: int) -> list[int]:
    """Return the children on a kernel without CONFIG_PROC_CHILDREN."""
    return [other for other in all_pids() if (stat := read_stat(other)) is not None and stat.parent == pid]


def all_pids() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def read_stat(pid: int) -> Stat | None:
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            text = file.read()
    except OSError:
        return None
    fields = text[text.rindex(b")") + 2 :].split()  # a command may be called ")"
    return Stat(
        parent=int(fields[1]), session=int(fields[3]), ticks=sum(map(int, fields[11:15])), started=int(fields[19])
    )


def read_disk(pid: int) -> tuple[int, int]:
    """Return the bytes that a process, and the children it has waited for, have read from and written to disks.

    What comes out of the page cache is not read; what is truncated before it reaches the disk is not written.
    """
    try:
        with open(f"/proc/{pid}/io", "rb") as file:
            found = dict(line.split(b": ") for line in file.read().splitlines())
    except (OSError, ValueError):
        return 0, 0
    return int(found[b"read_bytes"]), int(found[b"write_bytes"]) - int(found[b"cancelled_write_bytes"])


def marked_sandbox(pid: int, marker: str) -> str:
    """Return the sandbox named in the environment of a process, if it is one of this home."""
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            environment = file.read()
    except OSError:
        return ""
    start = f"{MARKER}={marker}:".encode()
    for variable in environment.split(b"\0"):
        if variable.startswith(start):
            return variable[len(start) :].decode(errors="replace")
    return ""


def owner_of(pid: int) -> int:
    try:
        return os.stat(f"/proc/{pid}").st_uid
    except OSError:
        return -1


def leftovers(marker: str, first_uid: int | None, uids: int) -> list[int]:
    """Return the processes of this home's sandboxes that an earlier cloud left: marked, or of a sandbox's user."""

    def ours(pid: int) -> bool:
        if marked_sandbox(pid, marker):
            return True
        # In the narrow range, two clouds may share ids, so they would be only a guess.
        return first_uid is not None and 200_000 <= first_uid <= owner_of(pid) < first_uid + uids

    return [pid for pid in all_pids() if pid != os.getpid() and ours(pid)]
