"""A whole trial: how long `ondol up` takes to be ready, and a machine from the click until SSH works."""

import time
from datetime import datetime
from pathlib import Path
from statistics import median

import psycopg

from bench.place import table
from tests.journey.site import Person, Site

PEOPLE = ("ada", "boram", "chul", "dana", "eun")
STARTS = 5
_STEPS = """
SELECT created_at, (SELECT created_at FROM instances_sshkey WHERE instance_id = i.id), armed_at, ready_at, status_since
FROM instances_instance i JOIN instances_run r ON r.id = i.run_id WHERE i.instance_id = %s
"""
_NAMES = ("network, key made and sealed", "launched, auto-stop armed", "booted, SSH answers", "shown as RUNNING")


def main(folder: Path) -> None:
    """Measure the first start, warm starts, and machines."""
    site = Site(folder / "home")
    first, warm = _start(site), []
    try:
        _machines(site)
        for _ in range(STARTS):
            site.stop()
            warm.append(_start(site))
    finally:
        site.stop()
    rows = [("first", f"{first:.1f} s", f"{first / median(warm):.1f} ×"), ("warm", f"{median(warm):.1f} s", "1.0 ×")]
    table(f"`ondol up` is ready (warm: median of {STARTS})", ["start", "after", "ratio"], rows)


def _start(site: Site) -> float:
    begun = time.perf_counter()
    site.start()
    return time.perf_counter() - begun


def _machines(site: Site) -> None:
    times = [_steps(site, site.person(name)) for name in PEOPLE]
    after = [median(column) for column in zip(*times, strict=True)]
    share = [seconds / after[-1] for seconds in after]
    rows = [(name, f"{s:.2f} s", f"{part:.0%}") for name, s, part in zip(_NAMES, after, share, strict=True)]
    table(f"A click makes a machine (median of {len(PEOPLE)})", ["step is done", "after", "of all"], rows)


def _steps(site: Site, person: Person) -> list[float]:
    """Return the seconds from the click to the end of each step, as the row has them."""
    machine = person.create()
    with psycopg.connect((site.home / "database.url").read_text().strip()) as connection:
        row = connection.execute(_STEPS, [machine["instance_id"]]).fetchone()
    assert row
    clicked, *done = row
    assert isinstance(clicked, datetime)
    return [(moment - clicked).total_seconds() for moment in done]
