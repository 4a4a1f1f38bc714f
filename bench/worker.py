"""What a worker takes for many machines: looks, a thousand stops at once, a changed rule; beside Cloud Custodian.

`python -m bench worker --machines 100` is a small one; `rules` alone waits for Amazon's quota of alarms, 3 a second.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

from django.db.models import Q

from bench import custodian, fleet
from bench.amazon import QUOTAS, STOPPING, Amazon
from bench.place import ONDOL, table
from bench.processor import Meter
from bench.record import bars, ratio, series
from ondol.accounts.models import Role, User
from ondol.autostop.policies import set_policy
from ondol.deployment.models import Deployment, deployment_id
from ondol.instances.models import Instance, Run
from ondol.policy.catalog import stored_fields
from tests.journey.site import until

_NOTHING = dict.fromkeys(stored_fields()) | {"weekends": True, "zone": "", "why": ""}
MACHINES, TIMES = 1_000, 10
"""How many machines, and by which factor the second size is larger."""
ROUNDS, LOOKS = 3, 3
"""The second size has one round with one look after the first: they wait for the quota of alarms."""


def main(machines: int = MACHINES) -> None:
    """Print what looks take, beside Cloud Custodian, and how long a thousand stops take."""
    custodian.install()
    sizes = (machines, machines * TIMES)
    found = {size: _looks(size, rounds) for size, rounds in zip(sizes, (ROUNDS, 1), strict=True)}
    rows = []
    for size, (ours, _theirs, calls, _start) in found.items():
        look, peak = _median(ours, "look"), median(one["peak"] for one in ours)
        rows.append((size, *_told(look), f"{median(one['postgres'] for one in ours):.2f} s", f"{peak / 1000:.0f} MB",
                     ours[0]["statements"], _calls(calls)))  # fmt: skip
    head = ["machines", "a look", "processor", "PostgreSQL's", "peak memory", "statements", "calls of a look"]
    table("One look at all machines, where nothing has changed", head, rows)
    small, large = (median(one["peak"] for one in ours) for ours, *_ in found.values())
    ratio("worker: peak memory of a look at ten times as many machines", large / small, more_is_better=False)
    _beside(found)
    _stops(machines)


def _looks(
    size: int, rounds: int
) -> tuple[list[dict[str, Any]], list[custodian.Listing], Counter[str], custodian.Listing]:
    """Return what looks took, what Custodian's policy took, both in turn; the calls of a look; Custodian's start."""
    ours, theirs, later = [], [], LOOKS if rounds > 1 else 1
    with tempfile.TemporaryDirectory() as folder, Amazon(size, deployment_id()) as amazon:
        fleet.furnish(amazon)
        for number in range(rounds):
            if number % 2:
                theirs.append(custodian.listing(amazon, Path(folder)))
            before = amazon.calls()
            ours.append(_one_look(amazon, later))
            calls = amazon.calls() - before
            if not number % 2:
                theirs.append(custodian.listing(amazon, Path(folder)))
        start = custodian.start(Path(folder))
    assert {one.found for one in theirs} == {size}, theirs
    looks = later + 2
    per_look = {name: round(count / (looks + (name == "DescribeInstances"))) for name, count in calls.items()}
    return ours, theirs, Counter(per_look), start


def _one_look(amazon: Amazon, later: int) -> dict[str, Any]:
    words = [sys.executable, "-m", "bench.one_look", str(later)]
    done = subprocess.run(words, env=_environment(amazon), stdout=subprocess.PIPE, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _environment(amazon: Amazon) -> dict[str, str]:
    return os.environ | amazon.environment | {"ONDOL_CLOUD": "aws", "DJANGO_SETTINGS_MODULE": "ondol.settings"}


def _beside(found: dict[int, Any]) -> None:
    rows = []
    times: dict[str, dict[str, float]] = {}
    for size, (ours, theirs, _, start) in found.items():
        first, began = _median(ours, "first"), _median(ours, "start")
        policy = median(one.policy for one in theirs), median(one.processor for one in theirs) - start.processor
        whole = median(one.seconds for one in theirs), median(one.processor for one in theirs)
        listing = _median(ours, "listing")
        assert {one["found"] for one in ours} == {size}
        named = "Custodian's policy", *_told(policy)
        rows.append((size, "our listing", *_told(listing), *named, *_times(policy, listing)))
        rows.append((size, "a look: rows and alarms besides", *_told(first), *named, *_times(policy, first)))
        both = began[0] + first[0], began[1] + first[1]
        rows.append((size, "with our start", *_told(both), "with its start", *_told(whole), *_times(whole, both)))
        later = _median(ours, "look")
        rows.append((size, "each look after it", *_told(later), "with its start", *_told(whole), *_times(whole, later)))
        ratio(f"worker: Custodian beside our listing, {size} machines, processor", policy[1] / listing[1])
        ratio(f"worker: Custodian beside our look, {size} machines, processor", policy[1] / first[1])
        ratio(f"worker: Custodian with its start beside ours, {size} machines, processor", whole[1] / both[1])
        times[f"{size} machines"] = {
            "our listing": policy[1] / listing[1],
            "our first look": policy[1] / first[1],
            "both with their starts": whole[1] / both[1],
            "our later looks, its start": whole[1] / later[1],
        }
    bars("worker", "Cloud Custodian's processor time beside ours", "times ours", times)
    each = ["seconds", "processor"]
    head = ["machines", "ours", *each, "Cloud Custodian", *each, "ratio", "per processor second"]
    table("The same machines, those that run and have a tag", head, rows)


def _median(looks: list[dict[str, Any]], what: str) -> tuple[float, float]:
    wall, processor = zip(*(look[what] for look in looks), strict=True)
    return median(wall), median(processor)


def _told(took: tuple[float, float]) -> tuple[str, str]:
    return f"{took[0]:.2f} s", f"{took[1]:.2f} s"


def _times(theirs: tuple[float, float], ours: tuple[float, float]) -> tuple[str, str]:
    return f"{theirs[0] / ours[0]:.2f} ×", f"{theirs[1] / ours[1]:.2f} ×"


_OURS = {
    "DescribeInstances",
    "DescribeAlarms",
    "DescribeAlarmHistory",
    "PutMetricAlarm",
    "DeleteAlarms",
    "GetMetricData",
}


def _calls(calls: Counter[str]) -> str:
    """Return the calls for machines and alarms; the check-up of a worker that has just started asks for more."""
    return ", ".join(f"{count} {name}" for name, count in sorted(calls.items()) if name.split()[-1] in _OURS and count)


# --- a worker that runs ----------------------------------------------------------------------------------------------
@contextmanager
def worker(amazon: Amazon) -> Iterator[int]:
    """Yield the id of a worker's process that has looked at all machines once."""
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen([*ONDOL, "worker"], env=_environment(amazon), stdout=log, stderr=log)
        try:
            until(
                lambda: Deployment.objects.filter(confirmed_at__isnull=False).exists(), 180, "the first look", every=0.2
            )
            yield process.pid
        except BaseException:
            log.seek(0)
            print(log.read()[-3000:].decode())
            raise
        finally:
            process.terminate()
            process.wait(30)


def _stops(machines: int) -> None:
    """Let all alarms stop their machines at one moment."""
    with Amazon(machines, deployment_id()) as amazon:
        fleet.furnish(amazon)
        with worker(amazon) as process:
            before, meter, began = amazon.calls(), Meter(process), time.monotonic()
            amazon.stop(range(machines), by_alarm=True)
            noticed = _until_all(Instance.objects.exclude(status__in=["STOPPING", "STOPPED"]), 600) - began
            right = _until_all(Instance.objects.exclude(status="STOPPED", status_reason="IDLE"), 900) - began
            processor, calls = meter.seconds(), amazon.calls() - before
    floor = machines / QUOTAS["DescribeAlarmHistory"][1]
    row = (
        machines,
        f"{noticed:.1f} s",
        f"{right:.1f} s",
        f"{STOPPING + floor:.1f} s",
        _processor(processor),
        _calls(calls),
    )
    head = ["machines", "all noticed", "all rows right", "the limit", "processor: worker + PostgreSQL", "calls"]
    table(f"Stopped by their alarms at once; a stop takes {STOPPING:.0f} s", head, [row])


def rearm(machines: int) -> None:
    """Change the rule of all machines, until each has its new alarm, and the one before is gone."""
    admin = User(email="ada@example.org", name="Ada", approval="APPROVED", role=Role.ADMIN)
    with Amazon(machines, deployment_id()) as amazon:
        fleet.furnish(amazon)
        admin.save()
        with worker(amazon) as process:
            before, meter, began, points = amazon.calls(), Meter(process), time.monotonic(), [(0.0, 0.0)]
            set_policy(None, admin, _NOTHING | {"idle_minutes": 60})
            saved = time.monotonic() - began
            due = Instance.objects.filter(~Q(run__armed_idle_minutes=60) | Q(run__armed_at=None))
            armed = _until_all(due, 1800, points) - began
            done = _until_all(Instance.objects.filter(has_other_alarm=True), 600) - began
            processor, calls = meter.seconds(), amazon.calls() - before
        assert not Run.objects.exclude(armed_idle_minutes=60).exists()
    floor = machines / QUOTAS["PutMetricAlarm"][1]
    refused = sum(count for name, count in calls.items() if name.startswith("refused"))
    row = (machines, f"{saved:.1f} s", f"{armed:.0f} s", f"{done:.0f} s", f"{floor:.0f} s", f"{done / floor:.2f} ×",
           _processor(processor), refused, _calls(calls))  # fmt: skip
    head = ["machines", "saved", "all armed", "old alarms gone", "the limit", "ratio", "processor: worker + PostgreSQL",
            "refused", "calls"]  # fmt: skip
    table("A rule is changed for all machines", head, [row])
    ratio(f"rules: time beside the quota's, {machines} machines", done / floor, more_is_better=False)
    series("rules", f"A rule is changed for {machines} machines", "seconds", "alarms put", {
        "ours": [(at, machines - left) for at, left in points[1:]],
        "the quota's limit": [(0, 0), (floor, machines)],
    })  # fmt: skip


def _until_all(others: Any, seconds: float, points: list[tuple[float, float]] | None = None) -> float:
    """Wait until none of these are left; return when that was."""
    began = time.monotonic()
    while (left := others.count()) and time.monotonic() - began < seconds:
        if points is not None:
            points.append((time.monotonic() - began, left))
        time.sleep(0.5)
    assert not left, f"{left} are left after {seconds:.0f} s: {list(others.values_list('status', 'error_code')[:5])}"
    return time.monotonic()


def _processor(seconds: tuple[float, float]) -> str:
    return f"{seconds[0]:.1f} + {seconds[1]:.1f} s"
