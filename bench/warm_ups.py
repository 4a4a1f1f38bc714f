"""Where AWS ignores or refuses the warm-ups of alarms: nobody is stopped early, and administrators are told.

Two trials at speed 60 whose cloud does so: `python -m bench warm_ups`. Each machine is stopped and started again at
once, since its last run's idling is what a warm-up keeps away from the alarm.
"""

import json
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import requests

from bench.place import ONDOL, table
from bench.restarts import EARLIEST, run_again
from bench.watch import Watch, says
from ondol.clock import Clock
from ondol.host.trial_clock import text
from tests.furnished import environment
from tests.journey.site import Site, until

SPEED = 60
MACHINES = 10
RULE = {"operation": "PutMetricAlarm", "parameter": "WarmUpConfiguration", "times": None}
_ABOUT = "ap-northeast-2"
"""What the letter to administrators names: the region that does so."""


def main(folder: Path) -> None:
    """Run both kinds of cloud, and print what became of the machines."""
    rows = [(f"warm-ups are {when}", *_run(folder / when, when)) for when in ("ignored", "refused")]
    head = ["", "not stopped early", "second run", "seen without an alarm", "administrators are told"]
    table(f"{MACHINES} machines, stopped and started at once, at speed {SPEED}", head, rows)


def _run(folder: Path, when: str) -> tuple[str, str, str, str]:
    folder.mkdir(parents=True)
    clock = Clock(time.time(), time.time(), SPEED)
    (folder / "env").write_text(f"ONDOL_CLOCK={text(clock)}\n")
    words = [*ONDOL, "localcloud", "--", "--home", str(folder / "cloud"), "--faults", "--die-with-parent"]
    with (folder / "cloud.log").open("wb") as log:
        cloud = subprocess.Popen(words, env=environment(folder, ONDOL_CLOCK=text(clock)), stdout=log, stderr=log)
    told_file = folder / "cloud/environment.json"
    until(told_file.exists, 30, "the cloud is ready")
    told = json.loads(told_file.read_text())
    rules = f"{told['AWS_ENDPOINT_URL']}/_localcloud/rules"
    requests.post(rules, json=RULE | {"when": when}, timeout=10).raise_for_status()
    site = Site(folder / "home", ONDOL_CLOUD="aws", ONDOL_SSH_CIDRS="0.0.0.0/0", **told)
    site.env["ONDOL_ENV_FILE"] = str(folder / "env")
    site.cloud = folder / "cloud"
    try:
        return _measure(site.start(120), clock)
    finally:
        site.stop()
        cloud.terminate()
        cloud.wait(20)


def _measure(site: Site, clock: Clock) -> tuple[str, str, str, str]:
    site.person("ada", admin=True)
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
