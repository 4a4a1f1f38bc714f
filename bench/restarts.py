"""Whoever stopped or started a machine, and however soon: AWS stops it when it has idled, neither early nor never.

A trial at speed 60, many machines side by side: `python -m bench restarts`. By AWS's own times: LaunchTime, and the
history of the alarm.
"""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from bench.place import table
from bench.watch import Watch, minutes, says
from tests.journey.aws import stops_of
from tests.journey.site import Person, Site, until

SPEED = 60
GAPS = (1, 2, 5, 10, 15, 20, 30, 45, 60, 90, 120)
"""Minutes between a stop and the start."""
WAYS = {
    "its alarm, started by its owner": ("alarm", "owner"),
    "its owner, started by its owner": ("owner", "owner"),
    "somebody in the console, started by its owner": ("console", "owner"),
    "its owner, started in the console": ("owner", "console"),
}
EARLIEST, LATEST = 30, 42
AT_ONCE = 22
"""A stop or a start takes real time, a minute of the machines' clock each second."""


def main(folder: Path) -> None:
    """Run every way with every gap, and print how long the machines ran after it."""
    site = Site(folder / "home", "--speed", str(SPEED)).start(120)
    watch = Watch(site)
    cases = [(way, gap) for way in WAYS for gap in GAPS]
    try:
        people = site.people(*(f"again{number}" for number in range(len(cases))))
        with ThreadPoolExecutor(AT_ONCE) as pool:
            took = list(pool.map(lambda who, case: run_again(who, *WAYS[case[0]], case[1], watch), people, cases))
    finally:
        watch.end()
        site.stop()
    rows = []
    for way in WAYS:
        some = [value for value, case in zip(took, cases, strict=True) if case[0] == way]
        right = sum(EARLIEST <= value <= LATEST for value in some)
        rows.append((way, f"{right} of {len(some)}", says(some)))
    wrong = [(*case, value) for value, case in zip(took, cases, strict=True) if not EARLIEST <= value <= LATEST]
    gaps = f"{GAPS[0]} to {GAPS[-1]} minutes"
    table(
        f"Stopped, and started again {gaps} later, at speed {SPEED}", ["stopped by", "30 to 42", "stopped after"], rows
    )
    print(f"\nseen running without an alarm: {len(watch.bare)} machines, in {watch.runs_seen} looks at one that ran")
    for way, gap, value in wrong:
        print(f"wrong: stopped by {way} after {gap} minutes: {value:.1f}")


def run_again(person: Person, stopped_by: str, started_by: str, gap: int, watch: Watch) -> float:
    """Return the minutes from the second start to the alarm's stop."""
    instance_id = person.create(seconds=300)["instance_id"]
    ec2 = person.site.aws("ec2")

    def machine() -> dict[str, Any]:
        [found] = ec2.describe_instances(InstanceIds=[instance_id])["Reservations"][0]["Instances"]
        return dict(found)

    if stopped_by == "owner":
        assert person.call("POST", "/instances/stop").status_code == 202
    elif stopped_by == "console":
        ec2.stop_instances(InstanceIds=[instance_id])
    until(lambda: machine()["State"]["Name"] == "stopped", 7200 / SPEED, "it stops")
    if stopped_by == "owner":
        person.wait_for("STOPPED", every=0.5)  # a stop that is not noted yet is asked for again
    watch.sleep_until(watch.now() + timedelta(minutes=gap))
    if started_by == "console":
        ec2.start_instances(InstanceIds=[instance_id])
    else:
        until(lambda: person.call("POST", "/instances/start").status_code == 202, 60, "it may be started")
    until(lambda: machine()["State"]["Name"] == "running", 60, "it runs")
    launched: datetime = machine()["LaunchTime"]
    deadline = time.monotonic() + 7200 / SPEED
    # The alarm may act once more on a machine that is stopped already.
    while not (stops := [stop for stop in stops_of(person) if stop > launched]) and time.monotonic() < deadline:
        time.sleep(1)
    return minutes(stops[0] - launched) if stops else float("inf")
