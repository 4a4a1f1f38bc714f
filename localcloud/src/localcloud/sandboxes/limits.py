"""How much of this computer one machine may use, and what happens if it uses more.

The kernel's limits for a process are set when it enters; what many processes use together is checked once a second, by
cheap numbers: memory in use, and free space on the disk.

- memory: a process gets no more than the machine may have; if a machine has more, its largest process is killed. If the
  computer's own memory runs out, the kernel ends processes of machines before any other.
- disk: processes of a machine that has more, and of all machines once the disk is nearly full, may not write to files
  until there is room. Deleting works.
- processes: if a machine has more, and the kernel does not count them for us, all are killed.
"""

import os
import resource
import shutil
import signal
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

MOST_PROCESSES = 2048
_PAGE = os.sysconf("SC_PAGE_SIZE")
_MEGABYTE = 1_000_000
_SHARE = 4
"""One machine may have a quarter of the memory and of the disk."""
_STEPS = 16
"""A folder is measured again when the disk has lost 1/16 of what one machine may have."""


@dataclass(frozen=True)
class Limits:
    """Bytes of memory and disk, and processes, of one machine; and how much of the disk has to stay free."""

    memory: int
    disk: int
    processes: int
    reserve: int

    @classmethod
    def of_this_computer(cls, folder: Path, memory_mb: int | None, disk_mb: int | None, processes: int) -> "Limits":
        """Return what was asked for, otherwise a share of what this computer has."""
        total = os.sysconf("SC_PHYS_PAGES") * _PAGE
        disk = shutil.disk_usage(folder).total
        return cls(
            memory_mb * _MEGABYTE if memory_mb else total // _SHARE,
            disk_mb * _MEGABYTE if disk_mb else disk // _SHARE,
            processes,
            min(disk // 20, 2000 * _MEGABYTE),
        )

    def apply(self, *, counted: bool, full: bool) -> None:
        """Limit this process. `counted`: the kernel counts the processes of this machine apart from others."""
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        _lower(resource.RLIMIT_DATA, self.memory)
        _lower(resource.RLIMIT_FSIZE, 0 if full else self.disk)
        if counted:
            _lower(resource.RLIMIT_NPROC, self.processes)
        with suppress(OSError):
            Path("/proc/self/oom_score_adj").write_text("1000")


def _lower(kind: int, most: int) -> None:
    _, hard = resource.getrlimit(kind)
    least = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(kind, (least, least))


@dataclass
class Watch:
    """What the processes of each machine use together.

    `folders` are those of machines with processes; `full` are machines that may not write; `measuring` is the pipe of a
    child that measures folders.
    """

    limits: Limits
    full: set[str] = field(default_factory=set)
    folders: dict[str, str] = field(default_factory=dict)
    measuring: int | None = None
    _free: int | None = None

    def look(self, living: Iterable[tuple[int, str]]) -> list[str]:
        """End processes beyond the limits; return a line for the log about each machine that had some."""
        return [line for sandbox, pids in _by_machine(living).items() for line in self._look_at(sandbox, pids)]

    def _look_at(self, sandbox: str, pids: list[int]) -> list[str]:
        if len(pids) > self.limits.processes:
            for pid in pids:
                _signal(pid, signal.SIGKILL)
            return [f"{sandbox} had {len(pids)} processes: all were ended"]
        if sum(map(_resident, pids)) <= self.limits.memory:
            return []
        # Pages shared by several processes were counted for each; now count exactly.
        exact = {pid: _exact_memory(pid) for pid in pids}
        if sum(exact.values()) <= self.limits.memory:
            return []
        largest = max(pids, key=lambda pid: exact[pid])
        _signal(largest, signal.SIGKILL)
        used = sum(exact.values()) // _MEGABYTE
        return [
            f"{sandbox} used {used} MB of memory: its largest process, of {exact[largest] // _MEGABYTE} MB, was ended"
        ]

    def measure_if_needed(self) -> None:
        """Begin to measure folders if the disk has lost so much that one may be too large, or if there may be room."""
        if not self.folders or self.measuring is not None:
            return
        free = _free_space(next(iter(self.folders.values())))
        if self._free is None or self.full or self._free - free > self.limits.disk // _STEPS:
            self.measuring = _measure(self.folders)
            self._free = free
        self._free = max(free, self._free)

    def take_measures(self, living: Iterable[tuple[int, str]]) -> list[str]:
        """Read the result of `measuring`, and let machines write or not; return a log line for each change."""
        if self.measuring is None:
            return []
        sizes = os.read(self.measuring, 1_000_000).decode()
        os.close(self.measuring)
        self.measuring = None
        said, by_machine = [], _by_machine(living)
        for line in sizes.splitlines():
            sandbox, size, free = line.split()
            is_full = int(size) > self.limits.disk or int(free) < self.limits.reserve
            if is_full != (sandbox in self.full):
                word = "may not write until there is room" if is_full else "may write again"
                said.append(f"{sandbox} has {int(size) // _MEGABYTE} MB of the disk: it {word}")
            (self.full.add if is_full else self.full.discard)(sandbox)
            _limit_files(by_machine.get(sandbox, []), 0 if is_full else self.limits.disk)
        return said


def _by_machine(living: Iterable[tuple[int, str]]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for pid, sandbox in living:
        found.setdefault(sandbox, []).append(pid)
    return found


def _measure(folders: dict[str, str]) -> int:
    """Measure folders in a child, which may take its time; return the pipe that it writes to at its end."""
    ours, theirs = os.pipe2(os.O_CLOEXEC)
    if os.fork() == 0:
        try:
            os.nice(10)
            lines = [f"{sandbox} {size_of(folder)} {_free_space(folder)}" for sandbox, folder in folders.items()]
            os.write(theirs, "\n".join(lines).encode())
        finally:
            os._exit(0)
    os.close(theirs)
    return ours


def _limit_files(pids: list[int], most: int) -> None:
    """Let living processes write files of at most so many bytes. What was lowered, only root can raise again."""
    refused = []
    for pid in pids:
        try:
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (most, most))
        except PermissionError:
            refused.append(pid)
        except (OSError, ValueError):
            continue  # gone meanwhile
    if refused and os.geteuid() == 0 and os.fork() == 0:  # root of a container, without CAP_SYS_RESOURCE
        try:
            owner = _owner_of(refused[0])
            os.setgroups([])
            os.setgid(owner)
            os.setuid(owner)
            for pid in refused:
                with suppress(OSError, ValueError):
                    resource.prlimit(pid, resource.RLIMIT_FSIZE, (most, most))
        finally:
            os._exit(0)


def _owner_of(pid: int) -> int:
    """Return its user; its folder in /proc belongs to root if it has changed its user without exec."""
    lines = Path(f"/proc/{pid}/status").read_text(errors="replace").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Uid:"))


def size_of(folder: str) -> int:
    """Return the size of a folder on the disk, in bytes; with a block for each entry, or empty files would be free."""
    size = 0
    for place, folders, files in os.walk(folder):
        for name in (*folders, *files):
            with suppress(OSError):
                size += 4096 + 512 * os.lstat(os.path.join(place, name)).st_blocks  # noqa: PTH118
    return size


def _free_space(folder: str) -> int:
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize


def _resident(pid: int) -> int:
    with suppress(OSError, ValueError), open(f"/proc/{pid}/statm", "rb") as file:  # noqa: PTH123 - each second
        return int(file.read().split()[1]) * _PAGE
    return 0


def _exact_memory(pid: int) -> int:
    """Return its own share of memory that it has changed or that it shares by System V, memfd or tmpfs."""
    size = 0
    with suppress(OSError, ValueError), open(f"/proc/{pid}/smaps_rollup", "rb") as file:  # noqa: PTH123 - as above
        for line in file:
            if line.startswith((b"Pss_Anon:", b"Pss_Shmem:")):
                size += int(line.split()[1]) * 1024
    return size


def _signal(pid: int, number: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)
