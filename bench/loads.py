"""Single-threaded work keeps machines of 2 to 64 vCPUs on, and the stop comes by the idle window after it.

A trial at speed 60: `python -m bench loads --machines 20`. A loop takes a core, and this computer has two: as many run
at once as leave each of them a quarter of a core, which is harder to see than a whole one.
"""

import os
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from bench.place import table
from bench.watch import WINDOW, Watch, minutes, says
from tests.journey.aws import stops_of
from tests.journey.site import Person, Site

SPEED = 60
SIZES = {2: "large", 4: "xlarge", 8: "2xlarge", 16: "4xlarge", 32: "8xlarge", 48: "12xlarge", 64: "16xlarge"}
"""The sizes are by their vCPUs."""
LASTS = timedelta(hours=2)
_LOOP = "timeout {seconds:.1f} sh -c 'while :; do :; done'; true"


@dataclass
class Load:
    """One machine with its loop."""

    person: Person
    vcpus: int
    stopped_early: bool
    minutes_after: float
    """The time is from the end of the loop to the stop."""


def main(folder: Path, machines: int) -> None:
    """Run all loops, a few at a time, and print what became of their machines."""
    types = ",".join(f"m7i.{size}" for size in SIZES.values())
    site = Site(folder / "home", "--speed", str(SPEED), ONDOL_INSTANCE_TYPES=types).start(120)
    watch = Watch(site)
    try:
        people = site.people(*(f"loop{number}" for number in range(machines)))
        sizes = list(SIZES) * machines
        with ThreadPoolExecutor(2 * (os.cpu_count() or 1) + 1) as pool:
            loads = list(pool.map(lambda who, vcpus: _live(who, vcpus, watch, folder), people, sizes))
    finally:
        watch.end()
        site.stop()
    rows = []
    for vcpus in SIZES:
        some = [load for load in loads if load.vcpus == vcpus]
        lived = sum(not load.stopped_early for load in some)
        rows.append((vcpus, f"{lived} of {len(some)}", says([load.minutes_after for load in some])))
    head = ["vCPUs", f"lived for {LASTS}", f"stopped after the loop (at most {WINDOW} + 11)"]
    table(f"{machines} loops in one thread, at speed {SPEED}", head, rows)


def _live(person: Person, vcpus: int, watch: Watch, folder: Path) -> Load:
    answer = person.call("POST", "/instances", json={"instance_type": f"m7i.{SIZES[vcpus]}"})
    assert answer.status_code == 202, answer.text
    person.wait_for("RUNNING", seconds=300)
    seconds = LASTS.total_seconds() / SPEED
    person.try_ssh(person.key(folder), _LOOP.format(seconds=seconds), seconds=seconds + 60)
    ended = watch.now()
    deadline = time.monotonic() + 7200 / SPEED
    while not (stops := stops_of(person)) and time.monotonic() < deadline:
        time.sleep(1)
    after = minutes(stops[0] - ended) if stops else float("inf")
    return Load(person, vcpus, stopped_early=after < 0, minutes_after=after)
