"""Where a worker can die: the boundaries of what it asks of AWS and of PostgreSQL, and who watches them."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

REPEATS = 2
"""What is repeated for ever, looks and the job engine's own housekeeping, counts so many times in each scenario."""
WHENS = {"aws": ("before", "after", "answered"), "sql": ("before", "after")}
"""Moments of a crash: before it is sent on; after it took effect, before its answer arrives; right after it."""


@dataclass(frozen=True, order=True)
class Point:
    """The nth time that a worker asks for this, and when exactly."""

    where: str
    """`aws` or `sql`."""
    what: str
    """An operation of AWS, or what a transaction has written."""
    nth: int
    when: str

    def __str__(self) -> str:
        return f"{self.where}:{self.what}:{self.nth}:{self.when}"

    @classmethod
    def parse(cls, text: str) -> "Point":
        where, rest = text.split(":", 1)
        what, nth, when = rest.rsplit(":", 2)
        return cls(where, what, int(nth), when)

    @property
    def is_repeated(self) -> bool:
        """Return whether it is of an observation or of the engine's housekeeping, which come again and again."""
        if self.where == "aws":
            return self.what.startswith(("Describe", "Get"))
        # A reconcile's transactions begin with its fence.
        return "lock procrastinate_jobs" not in self.what


def counted(passed: Iterable[Point], repeats: int = REPEATS) -> list[Point]:
    """The points of a recording, each once, in their order."""
    return [point for point in dict.fromkeys(passed) if point.nth <= repeats or not point.is_repeated]


class Struck(Exception):
    """Its worker has just been killed: nothing of this goes on."""


class Watch:
    """Counts what one worker asks, and strikes it at one point; `strike` raises Struck, or waits until it is thawed."""

    def __init__(self, strike: Callable[[], Awaitable[None]]) -> None:
        self._strike = strike
        self.begin(None)

    def begin(self, target: Point | None) -> None:
        """Count from here on."""
        self.target, self.passed, self.struck = target, [], asyncio.Event()
        self._counts: Counter[tuple[str, str]] = Counter()

    def end(self) -> None:
        """Stop striking: a worker that reached its point later would be dead when the next scenario begins."""
        self.target = None

    def meet(self, where: str, what: str) -> "Boundary":
        """The worker is just asking for this."""
        self._counts[where, what] += 1
        return Boundary(self, where, what, self._counts[where, what])

    async def reach(self, point: Point) -> None:
        self.passed.append(point)
        if point == self.target and not self.struck.is_set():
            self.struck.set()
            await self._strike()


@dataclass
class Boundary:
    """One question of a worker."""

    watch: Watch
    where: str
    what: str
    nth: int

    async def reach(self, when: str) -> None:
        """Raises Struck if this is where its worker is to die."""
        await self.watch.reach(Point(self.where, self.what, self.nth, when))
