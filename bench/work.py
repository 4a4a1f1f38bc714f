"""Work is more than CPU: downloads live, idle editors stop, and what comes after all of our processes are killed.

One trial cloud that nobody kills, at speed 60, with machines side by side: `python -m bench work --machines 20` for 20
of each kind. Times of stops are those at which EC2 showed them, asked for twice a minute of the machines' clock.
"""

import json
import subprocess
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import requests

from bench.place import table
from bench.traffic import Traffic
from ondol.clock import Clock
from ondol.host.trial_clock import text
from tests.journey.site import ONDOL, Person, Site, environment, until

SPEED = 60
WINDOW = 30
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
    row: str = ""
    instance_id: str = ""
    launched: datetime | None = None
    ends: datetime | None = None
    """When its traffic ended."""
    stopped: datetime | None = None


class Amazon:
    """A trial cloud by itself, and its clock."""

    def __init__(self, folder: Path) -> None:
        self.home, self.clock = folder / "cloud", Clock(time.time(), time.time(), SPEED)
        self._folder = folder
        self.stops: dict[str, datetime] = {}
        self._ended = threading.Event()

    @contextmanager
    def running(self) -> Iterator["Amazon"]:
        self._folder.mkdir(parents=True, exist_ok=True)
        words = [*ONDOL, "localcloud", "--", "--home", str(self.home), "--faults", "--die-with-parent"]
        env = environment(self._folder, ONDOL_CLOCK=text(self.clock))
        with (self._folder / "log").open("wb") as log:
            process = subprocess.Popen(words, env=env, stdout=log, stderr=log)
        try:
            until((self.home / "environment.json").exists, 30, "the cloud is ready")
            yield self
        finally:
            self._ended.set()
            process.terminate()
            process.wait(20)

    def now(self) -> datetime:
        return self.clock.at(time.time())

    def watch(self, ec2: Any) -> None:
        """Note when machines leave `running`, until it has ended."""
        up: set[str] = set()
        while not self._ended.wait(30 / SPEED):
            pages = ec2.get_paginator("describe_instances").paginate().build_full_result()
            at = self.now()
            for machine in (one for some in pages["Reservations"] for one in some["Instances"]):
                if machine["State"]["Name"] in {"pending", "running"}:
                    up.add(machine["InstanceId"])
                elif machine["InstanceId"] in up:
                    self.stops.setdefault(machine["InstanceId"], at)

    def sleep_until(self, moment: datetime) -> None:
        while (left := (moment - self.now()) / timedelta(seconds=SPEED)) > 0:
            time.sleep(min(left, 1))


def main(folder: Path, machines: int) -> None:
    """Run all machines side by side, kill our processes in the middle of downloads, and print what became of them."""
    with Amazon(folder / "amazon").running() as amazon, Traffic() as traffic:
        told = json.loads((amazon.home / "environment.json").read_text())
        site = Site(folder / "home", **told, ONDOL_CLOUD="aws", ONDOL_CLOCK=text(amazon.clock))
        site.cloud = amazon.home
        site.start(120)
        try:
            _go(site, amazon, traffic, folder, machines, told["AWS_ENDPOINT_URL"])
        finally:
            if site.process and site.process.poll() is None:
                site.stop()


def _go(site: Site, amazon: Amazon, traffic: Traffic, folder: Path, machines: int, endpoint: str) -> None:
    threading.Thread(target=amazon.watch, args=(site.aws("ec2"),), daemon=True).start()
    watched = _people(site, machines)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda one: _create(one, amazon), watched))
    with ThreadPoolExecutor(len(watched)) as pool:
        done = [pool.submit(_load, one, amazon, traffic, folder) for one in watched]
        killed = amazon.now() + LIVES
        amazon.sleep_until(killed)
        puts = _puts(endpoint)
        site.kill()
        killed = amazon.now()
        for one in done:
            one.result()
    last = max(one.ends for one in watched if one.ends)
    amazon.sleep_until(last + timedelta(minutes=5))
    while amazon.now() < last + PATIENCE and len(amazon.stops) < len(watched):
        time.sleep(1)
    for one in watched:
        one.stopped = amazon.stops.get(one.instance_id)
    _tell(watched, puts, killed)


def _people(site: Site, machines: int) -> list[Watched]:
    kinds = ("lives", "ends", "editor")
    people = iter(site.people(*(f"{kind}{number}" for kind in kinds for number in range(machines))))
    step = (FASTEST / SLOWEST) ** (1 / max(machines - 1, 1))
    return [
        Watched(next(people), kind, KEEP_ALIVE if kind == "editor" else SLOWEST * step**number)
        for kind in kinds
        for number in range(machines)
    ]


def _create(one: Watched, amazon: Amazon) -> None:
    machine = one.person.create(seconds=180)
    one.row, one.instance_id, one.launched = machine["id"], machine["instance_id"], amazon.now()


def _load(one: Watched, amazon: Amazon, traffic: Traffic, folder: Path) -> None:
    span = {"lives": LIVES + AFTER_KILL, "ends": WORKS, "editor": timedelta(minutes=WINDOW + 30)}[one.kind]
    seconds = span.total_seconds() / SPEED
    key = one.person.key(folder)
    one.person.try_ssh(key, traffic.command(one.rate, seconds), seconds=seconds + 60)
    one.ends = amazon.now()


def _puts(endpoint: str) -> Mapping[str, list[datetime]]:
    """Return when each row's alarm was put, by the ledger of the cloud."""
    found = defaultdict(list)
    for call in requests.get(f"{endpoint}/_localcloud/calls", timeout=30).json():
        if call["operation"] == "PutMetricAlarm":
            name = call["request"].split("ondol-", 1)[1][:36]
            found[name].append(datetime.fromtimestamp(call["virtual"]).astimezone())
    return found


def _tell(watched: list[Watched], puts: Mapping[str, list[datetime]], killed: datetime) -> None:
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
    most = max((_most_in_an_hour(puts[one.row]) for one in lived), default=0)
    rows.insert(0, (f"downloads at 0.2 to 5 MB/s that lived for {LIVES}", f"{alive} of {len(lived)}", "–"))
    rows.append(("PutMetricAlarm in the busiest hour of one that downloads", str(most), "–"))
    table(f"{len(watched)} machines at speed {SPEED}, rule of {WINDOW} minutes", ["", "as promised", "stopped"], rows)


def _most_in_an_hour(times: list[datetime]) -> int:
    """Return the most within an hour, without that of the start."""
    later = sorted(times)[1:]
    return max((sum(at <= other < at + timedelta(hours=1) for other in later) for at in later), default=0)
