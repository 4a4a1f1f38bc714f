"""Work is more than CPU: downloads live, idle editors stop, and what happens after all of our processes are killed.

A trial at speed 60, with machines side by side: `python -m bench work --machines 20` for 20 of each kind. Times of
stops are those at which EC2 showed them, asked for twice a minute of the machines' clock.
"""

import contextlib
import os
import signal
import threading
import time
from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from bench.place import table
from bench.traffic import Traffic
from bench.watch import WINDOW, Watch
from tests.journey.site import Person, Site

SPEED = 60
SLOWEST, FASTEST = 0.2e6, 5e6
KEEP_ALIVE = 3e3
"""Bytes a second of an idle editor, more than what docs/decisions/0016 measured."""
LIVES, WORKS, AFTER_KILL = timedelta(hours=4), timedelta(minutes=70), timedelta(minutes=20)
"""How long downloads go on: those that must live, those that end while a worker lives, and after everything was
killed."""
PATIENCE = timedelta(minutes=150)


@dataclass
class Watched:
    """One machine and its traffic."""

    person: Person
    kind: str
    rate: float
    instance_id: str = ""
    launched: datetime | None = None
    ends: datetime | None = None
    """When its traffic ended."""
    stopped: datetime | None = None


def main(folder: Path, machines: int) -> None:
    """Run all machines side by side, kill our processes in the middle of downloads, and print what became of them."""
    site = Site(folder / "home", "--speed", str(SPEED)).start(120)
    watch = Watch(site)
    try:
        with Traffic() as traffic:
            _go(site, watch, traffic, folder, machines)
    finally:
        watch.end()
        if site.process:
            site.process.send_signal(signal.SIGCONT)
        site.stop()


def _go(site: Site, watch: Watch, traffic: Traffic, folder: Path, machines: int) -> None:
    watched = _people(site, machines)
    free = threading.Semaphore(4)
    with ThreadPoolExecutor(len(watched)) as pool:
        done = [pool.submit(_live, one, watch, traffic, folder, free) for one in watched]
        while not all(one.launched or future.done() for one, future in zip(watched, done, strict=True)):
            time.sleep(1)
        watch.sleep_until(max(one.launched for one in watched if one.launched) + LIVES)
        _kill_ours(site)
        killed = watch.now()
        watch.sleep_until(killed + AFTER_KILL)
        traffic.end()
        for future in done:
            future.result()
    last = max(one.ends for one in watched if one.ends)
    while watch.now() < last + PATIENCE and len(watch.stops) < len(watched):
        time.sleep(1)
    for one in watched:
        one.stopped = watch.stops.get(one.instance_id)
    _tell(watched, watch.puts, killed)


def _kill_ours(site: Site) -> None:
    """Kill pages and workers, and let what would start them again do nothing; the cloud goes on, as Amazon does."""
    assert site.process
    site.process.send_signal(signal.SIGSTOP)
    for pid in [*site.children("ondol worker"), *site.children("ondol web")]:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _people(site: Site, machines: int) -> list[Watched]:
    kinds = ("lives", "ends", "editor")
    people = iter(site.people(*(f"{kind}{number}" for kind in kinds for number in range(machines))))
    step = (FASTEST / SLOWEST) ** (1 / max(machines - 1, 1))
    return [
        Watched(next(people), kind, KEEP_ALIVE if kind == "editor" else SLOWEST * step**number)
        for kind in kinds
        for number in range(machines)
    ]


def _live(one: Watched, watch: Watch, traffic: Traffic, folder: Path, free: threading.Semaphore) -> None:
    """Create a machine, few at the same time, and begin its traffic at once: at this speed it idles out in a minute."""
    with free:
        machine = one.person.create(seconds=600)
        key = one.person.key(folder)
        one.instance_id, one.launched = machine["instance_id"], watch.now()
    span = {"lives": timedelta(days=2), "ends": WORKS, "editor": timedelta(minutes=WINDOW + 30)}[one.kind]
    seconds = span.total_seconds() / SPEED
    one.person.try_ssh(key, traffic.command(one.rate, seconds), seconds=seconds + 60)
    one.ends = watch.now()


def _tell(watched: list[Watched], puts: Mapping[str, set[datetime]], killed: datetime) -> None:
    def minutes(since: datetime | None, one: Watched) -> float:
        return (one.stopped - since) / timedelta(minutes=1) if one.stopped and since else float("inf")

    rows = []
    for kind, says, since, low, high in (
        ("lives", "after everything of ours was killed in mid-download", lambda one: killed, 40, 1e9),
        ("lives", "after their downloads ended, without us", lambda one: one.ends, -1e9, 120),
        ("ends", "after their downloads ended, with a worker", lambda one: one.ends, 25, WINDOW + 11),
        ("editor", "after the start of an idle editor", lambda one: one.launched, WINDOW, 42),
    ):
        some = [one for one in watched if one.kind == kind]
        took = sorted(minutes(since(one), one) for one in some)
        right = sum(low <= value <= high for value in took)
        rows.append((says, f"{right} of {len(some)}", f"{took[0]:.0f}–{took[-1]:.0f} min"))
    lived = [one for one in watched if one.kind == "lives"]
    alive = sum(one.stopped is None or one.stopped > killed for one in lived)
    most = max((_most_in_an_hour(puts.get(one.instance_id, set())) for one in lived), default=0)
    rows.insert(0, (f"downloads at 0.2 to 5 MB/s that lived for {LIVES}", f"{alive} of {len(lived)}", "–"))
    rows.append(("PutMetricAlarm in the busiest hour of one that downloads", str(most), "–"))
    table(f"{len(watched)} machines at speed {SPEED}, rule of {WINDOW} minutes", ["", "as promised", "stopped"], rows)


def _most_in_an_hour(times: Collection[datetime]) -> int:
    """Return the most within an hour, without that of the start."""
    later = sorted(times)[1:]
    return max((sum(at <= other < at + timedelta(hours=1) for other in later) for at in later), default=0)
