"""Where AWS ignores or refuses the warm-ups of alarms: nobody is stopped early, and administrators are told.

Two trials at speed 60 whose cloud does so: `python -m bench warm_ups`. Each machine is stopped and started again at
once, since its last run's idling is what a warm-up keeps away from the alarm.
"""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from bench.faulty import faulty_site
from bench.place import table
from bench.restarts import EARLIEST, run_again
from bench.watch import Watch, says
from ondol.clock import Clock
from tests.journey.site import Site, until

SPEED = 60
MACHINES = 10
RULE = {"operation": "PutMetricAlarm", "parameter": "WarmUpConfiguration", "times": None}
_ABOUT = "ap-northeast-2"
"""What the e-mail to administrators names: the region that does so."""


def main(folder: Path) -> None:
    """Run both kinds of cloud, and print what became of the machines."""
    rows = [(f"warm-ups are {when}", *_run(folder / when, when)) for when in ("ignored", "refused")]
    head = ["", "not stopped early", "second run", "seen without an alarm", "administrators are told"]
    table(f"{MACHINES} machines, stopped and started at once, at speed {SPEED}", head, rows)


def _run(folder: Path, when: str) -> tuple[str, str, str, str]:
    clock = Clock(time.time(), time.time(), SPEED)
    with faulty_site(folder, clock, RULE | {"when": when}) as (site, _address):
        return _measure(site, clock)


def _measure(site: Site, clock: Clock) -> tuple[str, str, str, str]:
    site.command("user", "add", "ada@example.org", "--name", "Ada", "--admin")
    people = site.people(*(f"warm{number}" for number in range(MACHINES)))
    watch, began = Watch(site, clock), time.monotonic()
    try:
        with ThreadPoolExecutor(MACHINES + 1) as pool:
            knows = pool.submit(
                lambda: until(lambda: site.letters(_ABOUT), 300, "a letter to ada") and time.monotonic()
            )
            took = list(pool.map(lambda who: run_again(who, "owner", "owner", 0, watch), people))
            told = knows.result()
    finally:
        watch.end()
    right = sum(value >= EARLIEST for value in took)
    bare = f"{len(watch.bare)} in {watch.runs_seen} looks"
    return f"{right} of {len(took)}", says(took), bare, f"{told - began:.1f} s after the first click (real time)"
