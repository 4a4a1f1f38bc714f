"""`ondol web` on two processors against one: everything on one of them, then one process and two processes on both.

"Everything" is the web, its connections in PostgreSQL and the client, bound by `sched_setaffinity`, as on hosts that
have no more. The client takes next to nothing (`bench.light_client`), and its share is printed. What others do on
this host takes wall-clock time from all ways alike; processor time of an answer tells what two whole processors would
do.
"""

import json
import os
import subprocess
import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median

from bench import institute
from bench.idle import postmaster
from bench.jupyterhub import ASKERS, Peer, _browser, _paths
from bench.light_client import Asked, Order, request
from bench.place import table
from bench.polls import web
from bench.processor import bind, of_tree, tree
from bench.record import ratio, series
from ondol.commands.web import collect_static
from ondol.instances.models import Instance
from tests.journey.site import free_port

ROUNDS, SECONDS, CONNECTIONS = 4, 1.0, 16
GOAL = 1.8
PATHS = {"dashboard, running": "/", "poll without news (204)": "POLL"}


@dataclass(frozen=True)
class Way:
    """How it is served."""

    name: str
    processes: int
    processors: int
    is_apart: bool = False
    """Whether each process is bound to a processor of its own, and may not use that of another one."""


WAYS = (
    Way("1 process, 1 processor", 1, 1),
    Way("1 process, 2 processors", 1, 2),
    Way("2 processes, 2 processors", 2, 2),
    Way("2 processes, each bound to one", 2, 2, is_apart=True),
)


@dataclass
class Found:
    """Numbers of each round."""

    rates: list[float] = field(default_factory=list)
    """Answers a second of the clock."""
    used: list[float] = field(default_factory=list)
    """How many processors all of them had together."""
    web: list[float] = field(default_factory=list)
    """Processor seconds of one answer."""
    postgres: list[float] = field(default_factory=list)
    client: list[float] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    """How often a thread of the web has waited for another thread, PostgreSQL or the client, for one answer."""

    @property
    def each(self) -> float:
        return median(map(sum, zip(self.web, self.postgres, self.client, strict=True)))

    @property
    def rate(self) -> float:
        return median(self.rates)


def main() -> None:
    """Measure all ways in turn, several times: the medians count."""
    processors = sorted(os.sched_getaffinity(0))[:2]
    assert len(processors) == 2, "two processors are needed"
    collect_static()
    institute.furnish()
    people = [row.owner for row in Instance.objects.filter(status="RUNNING").order_by("id")[:ASKERS]]
    headers = [_browser(person) for person in people]
    with _serving(1) as one, _serving(2) as two:
        asked = {name: _requests(one.at, path, headers) for name, path in PATHS.items()}
        served = {1: one, 2: two}
        found = {name: {way: Found() for way in WAYS} for name in PATHS}
        for number in range(-1, ROUNDS):  # so that nothing is cold
            for name, requests in asked.items():
                for way in WAYS if number % 2 else reversed(WAYS):
                    bound, serving = processors[: way.processors], served[way.processes]
                    for pid in (serving.process, postmaster()):
                        bind(pid, bound)
                    for pid, own in zip(tree(serving.process)[1:], processors if way.is_apart else (), strict=False):
                        bind(pid, [own])
                    _measure(serving, requests, bound, found[name][way] if number >= 0 else Found())
        bind(postmaster(), processors)
    _print(found)


@dataclass(frozen=True)
class Serving:
    """One `ondol web`."""

    process: int
    port: int

    @property
    def at(self) -> Peer:
        return Peer(self.process, self.port, "", [])


@contextmanager
def _serving(processes: int) -> Iterator[Serving]:
    os.environ["ONDOL_WEB_PROCESSES"] = str(processes)
    try:
        with web(port := free_port()) as process:
            yield Serving(process, port)
    finally:
        os.environ.pop("ONDOL_WEB_PROCESSES", None)


def _requests(peer: Peer, path: str, headers: list[dict[str, str]]) -> list[str]:
    peer.headers[:] = headers
    htmx = {"HX-Request": "true"} if path == "POLL" else {}
    return [request(one, some | htmx) for one, some in zip(_paths(peer, path), headers, strict=True)]


def _measure(serving: Serving, requests: list[str], processors: Collection[int], found: Found) -> None:
    waited = _waits(serving.process)
    before = of_tree(serving.process), of_tree(postmaster())
    asked = _ask(Order(serving.port, requests, CONNECTIONS, SECONDS), processors)
    served, postgres = (
        now - then for now, then in zip((of_tree(serving.process), of_tree(postmaster())), before, strict=True)
    )
    found.waits.append((_waits(serving.process) - waited) / asked.answers)
    found.rates.append(asked.answers / asked.seconds)
    found.used.append((served + postgres + asked.processor_seconds) / asked.seconds)
    found.web.append(served / asked.answers)
    found.postgres.append(postgres / asked.answers)
    found.client.append(asked.processor_seconds / asked.answers)


def _ask(order: Order, processors: Collection[int]) -> Asked:
    with subprocess.Popen(
        [sys.executable, "-m", "bench.light_client"], text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as client:
        os.sched_setaffinity(client.pid, processors)
        told, _ = client.communicate(json.dumps(asdict(order)))
    assert client.returncode == 0, "the client has failed"
    return Asked(**json.loads(told))


def _waits(pid: int) -> int:
    found = 0
    for one in tree(pid):
        for task in Path(f"/proc/{one}/task").iterdir():
            with suppress(OSError):  # it has ended
                found += int((task / "status").read_text().partition("\nvoluntary_ctxt_switches:")[2].split()[0])
    return found


def _print(found: dict[str, dict[Way, Found]]) -> None:
    rows = []
    for name, ways in found.items():
        least = ways[WAYS[0]]
        for way, numbers in ways.items():
            by_clock, whole = numbers.rate / least.rate, way.processors * least.each / numbers.each
            rows.append(
                (
                    name, way.name, f"{numbers.rate:.0f}", f"{by_clock:.2f} ×", f"{median(numbers.used):.2f}",
                    f"{median(numbers.web) * 1000:.2f} + {median(numbers.postgres) * 1000:.2f} ms",
                    f"{median(numbers.client) * 1000:.3f} ms", f"{median(numbers.waits):.0f}",
                    f"{least.each / numbers.each:.2f} ×",
                    f"{whole:.2f} ×" if way.processes == way.processors else "",
                )
            )  # fmt: skip
        two = ways[WAYS[2]]
        ratio(f"processes: {name}, two processors beside one", two.rate / least.rate)
        ratio(f"processes: {name}, per processor second, two beside one", least.each / two.each)
    head = [
        "", "", "a second", "beside the first", "processors that it had", "processor: web + PostgreSQL", "client",
        "waits", "per processor second", "with whole processors",
    ]  # fmt: skip
    scaled = {name: [(1.0, 1.0), (2.0, ways[WAYS[2]].rate / ways[WAYS[0]].rate)] for name, ways in found.items()}
    goal = {"goal": [(1.0, 1.0), (2.0, GOAL)]}
    series("processes", "Answers with two processors", "processors", "times as many as with one", scaled | goal)
    table(f"{CONNECTIONS} connections ask as fast as they are answered; goal {GOAL} ×", head, rows)
    print(f"\nLoad of the last minute: {os.getloadavg()[0]:.1f}")
