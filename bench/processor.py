"""How much processor time a server has spent, by what /proc tells: its own processes, and its part of PostgreSQL."""

import os
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

from django.db import connection

_BACKENDS = """
SELECT pid FROM pg_stat_activity
WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() AND (%(name)s = '' OR datname = %(name)s)
"""


class Meter:
    """Counts the processor seconds of a process with its children, and of the connections to a database."""

    def __init__(self, parent: int, database: str = "") -> None:
        """Take the name of the database; empty: connections to any count."""
        self._parent, self._database = parent, database
        self._before = self._processes(), self._backends()

    def seconds(self) -> tuple[float, float]:
        """Return those since this was made: of the processes, and of connections that last."""
        before, backends = self._before
        served = sum(self._processes().values()) - sum(before.values())
        return served, sum(now - backends.get(pid, 0.0) for pid, now in self._backends().items())

    def _processes(self) -> dict[int, float]:
        children = Path(f"/proc/{self._parent}/task/{self._parent}/children").read_text().split()
        return seconds_of([self._parent, *map(int, children)])

    def _backends(self) -> dict[int, float]:
        with connection.cursor() as cursor:
            cursor.execute(_BACKENDS, {"name": self._database})
            return seconds_of([pid for (pid,) in cursor.fetchall()])


def seconds_of(pids: list[int]) -> dict[int, float]:
    """Return the processor seconds of each process that is there."""
    found = {}
    for pid in pids:
        with suppress(FileNotFoundError):  # it has ended
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            found[pid] = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return found


def tree(pid: int) -> list[int]:
    """Return a process and everything below it."""
    try:
        tasks = [(task / "children").read_text().split() for task in Path(f"/proc/{pid}/task").iterdir()]
    except FileNotFoundError:  # it has ended
        return []
    return [pid, *(one for some in tasks for child in some for one in tree(int(child)))]


def of_tree(pid: int) -> float:
    """Return the processor seconds of a process and of everything below it, of what has ended there too."""
    ticks = 0
    for one in tree(pid):
        with suppress(FileNotFoundError):
            fields = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
            ticks += sum(map(int, fields[11:15]))
    return ticks / os.sysconf("SC_CLK_TCK")


def bind(pid: int, processors: Collection[int]) -> None:
    """Let a process and everything below it run on these processors only; what it starts later does the same."""
    for one in tree(pid):
        with suppress(OSError):  # it has ended
            for task in Path(f"/proc/{one}/task").iterdir():
                os.sched_setaffinity(int(task.name), processors)
