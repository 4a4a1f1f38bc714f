"""How soon a page tells what has happened at Amazon, and what that costs in calls: of 10, 1,000 and 10,000 machines.

One machine in a hundred changes all the time, outside Ondol: somebody stops it in the console, and starts it again.
It is compared with the plain design, in which each viewer's poll is a DescribeInstances of its own.
"""

import random
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError
from django.conf import settings
from django.db import connection
from django.test import Client

from bench import fleet
from bench.amazon import PENDING, QUOTAS, REGION, STOPPING, Amazon, instance_id_of, row_of
from bench.place import percentiles, table
from bench.polls import asked, web
from bench.processor import Meter
from bench.record import ratio, series
from bench.worker import MACHINES, worker
from ondol.deployment.models import deployment_id
from ondol.deployment.workers import count_alive
from ondol.instances.models import Instance
from tests.journey.site import free_port, until
from tests.signed_in import sign_in

SECONDS, PLAIN_SECONDS = 30.0, 3.0
SEVERAL = 2
"""The workers of the largest size: one is one process, which a hundred machines that change keep busy."""
PACE = 1.0
"""The seconds between two polls of a page while its machine changes."""
LOOK_EVERY = 0.1
"""How often the rows of what changes are read, for what a page would tell at that moment."""
RESTS, RUNS = 5.0, 15.0
"""The seconds that a machine is stopped, and runs, before it changes again."""
_TOLD = {"stopping": {"STOPPING", "STOPPED"}, "stopped": {"STOPPED"}, "running": {"RUNNING"}}
"""What a page says once it knows; of `pending` there is nothing to say before it runs."""


@dataclass
class Seen:
    """The statuses of one machine, and when each was first seen (seconds since 1970)."""

    changes: list[tuple[str, float]] = field(default_factory=list)

    def note(self, status: str) -> None:
        if not self.changes or self.changes[-1][0] != status:
            self.changes.append((status, time.time()))

    def after(self, at: float, told: set[str]) -> float:
        """Return when one of these was shown from that moment on; one that never was counts as shown at the end."""
        for number, (status, since) in enumerate(self.changes):
            ends = self.changes[number + 1][1] if number + 1 < len(self.changes) else time.time()
            if status in told and ends > at:
                return max(since, at)
        return time.time()


def main(machines: int = MACHINES) -> None:
    """Measure several sizes, and one of them with more viewers."""
    rows: list[tuple[Any, ...]] = []
    lines = []
    few, many = 10, 50
    for size, viewers, workers in (
        (max(10, machines // 100), 1, 1),
        (machines, few, 1),
        (machines, many, 1),
        (machines * 10, few, SEVERAL),
    ):
        found = _measured(size, viewers, workers)
        made = found.calls.total() - found.refused  # a refused one is counted by both of its names
        times = [cell for waits in (found.first, found.later, found.seen) for cell in _late(waits)]
        times.append(f"{found.busy:.0%}")
        plain = f"{found.plain:.0f}", f"{found.plain_refused:.0%}", f"{found.plain / made:.1f} ×"
        rows.append((size, viewers, workers, made, found.refused, *times, *plain))
        told = ", ".join(f"{count} {name}" for name, count in sorted(found.calls.items()))
        lines.append((size, viewers, told))
        ratio(f"freshness: calls of one a poll beside ours, {size} machines, {viewers} viewers", found.plain / made)
    head = [
        "machines", "viewers", "workers", "calls a minute", "refused", "noticed, p50", "p99",
        "while it changes, p50", "p99", "on a page, p50", "p99", "workers, of one core",
        "one call a poll: a minute", "of them refused", "ratio",
    ]  # fmt: skip
    table(f"From a change at Amazon until it is told; a page asks each {PACE:.0f} s", head, rows)
    table("Calls a minute", ["machines", "viewers", "calls"], lines)
    same = [row for row in rows if row[0] == machines]
    points = {
        "ours": [(float(row[1]), float(row[3])) for row in same],
        "one call a poll": [(float(row[1]), float(row[-3])) for row in same],
    }
    series("freshness", f"Calls for {machines} machines", "viewers", "calls a minute", points)


def _late(waits: Sequence[float]) -> tuple[str, str]:
    if len(waits) < 2:
        return "–", "–"
    p50, p99 = percentiles(waits)
    return f"{p50:.1f} s", f"{p99:.1f} s"


@dataclass
class Found:
    """The results of one size."""

    calls: Counter[str]
    """Calls a minute, without the check-up of a worker that starts; `refused NAME` are among those of NAME."""
    busy: float
    """Which part of a processor the workers take together."""
    first: list[float]
    """Seconds until a row shows that a machine has begun to stop, or runs."""
    later: list[float]
    """Seconds until a row shows that a machine that was stopping is stopped."""
    seen: list[float]
    """Seconds until a page shows either."""
    plain: float
    """The calls a minute of the plain design, and below the part of them that is refused."""
    plain_refused: float

    @property
    def refused(self) -> int:
        return sum(count for name, count in self.calls.items() if name.startswith("refused"))


def _measured(size: int, viewers: int, workers: int) -> Found:
    """Let a hundredth of these machines change, with so many owners who look on."""
    # Those who look on are owners of what changes, and of others if there are more.
    changing, looking = range(max(1, size // 100)), range(min(viewers, size))
    rows, pages = {number: Seen() for number in changing}, {number: Seen() for number in looking}
    with Amazon(size, deployment_id()) as amazon:
        fleet.furnish(amazon)
        with ExitStack() as stack:
            stack.enter_context(web(port := free_port()))
            processes = [stack.enter_context(worker(amazon)) for _ in range(workers)]
            until(lambda: count_alive() == workers, 60, "all workers work")
            stack.enter_context(_watched(port, rows, pages))
            time.sleep(5)
            before, meters, began = amazon.calls(), [Meter(process) for process in processes], time.monotonic()
            _change(amazon, changing)
            calls, took = amazon.calls() - before, time.monotonic() - began
            busy = sum(meter.seconds()[0] for meter in meters) / took
            time.sleep(8)
        first, later, seen = _waits(amazon, rows, pages)
        plain = _plain(amazon, looking)
    ours = {name: count for name, count in calls.items() if name.split()[-1] in QUOTAS}
    a_minute = Counter({name: made for name, count in ours.items() if (made := round(count * 60 / took))})
    return Found(a_minute, busy, first, later, seen, *plain)


def _waits(
    amazon: Amazon, rows: dict[int, Seen], pages: dict[int, Seen]
) -> tuple[list[float], list[float], list[float]]:
    """Return how long each change took to be shown: the first sign, the final state, and either on a page."""
    first: list[float] = []
    later: list[float] = []
    seen: list[float] = []
    changes = amazon.changes()
    for number, row in rows.items():
        for state, since in changes.get(instance_id_of(number), []):
            if state not in _TOLD:
                continue
            known = row.after(since, _TOLD[state])
            (later if state == "stopped" else first).append(known - since)
            if number in pages:
                seen.append(pages[number].after(since, _TOLD[state]) - since)
    return first, later, seen


@contextmanager
def _watched(port: int, rows: dict[int, Seen], pages: dict[int, Seen]) -> Iterator[None]:
    """Watch rows and pages."""
    cookies = {number: _cookie(number) for number in pages}
    ended = threading.Event()
    with ThreadPoolExecutor(len(pages) + 1) as pool:
        jobs = [pool.submit(_view, port, cookies[number], seen, ended) for number, seen in pages.items()]
        jobs.append(pool.submit(_watch, rows, ended))
        try:
            yield
        finally:
            ended.set()
        for job in jobs:
            job.result()


def _change(amazon: Amazon, numbers: Sequence[int]) -> None:
    """Stop and start these machines in the console, each at moments of its own, for a while."""
    end = time.monotonic() + SECONDS
    due = [(time.monotonic() + random.uniform(0, RUNS), number, "stop") for number in numbers]
    while due:
        due.sort()
        at, number, what = due.pop(0)
        if at > end:
            continue
        time.sleep(max(0.0, at - time.monotonic()))
        if what == "stop":
            amazon.stop([number], by_alarm=False)
            due.append((at + STOPPING + RESTS, number, "start"))
        else:
            amazon.start([number])
            due.append((at + PENDING + RUNS, number, "stop"))
    time.sleep(max(0.0, end - time.monotonic()))


def _watch(rows: dict[int, Seen], ended: threading.Event) -> None:
    """Read what rows tell, as a page would that is asked for at this moment."""
    by_pk = {row_of(number): seen for number, seen in rows.items()}
    try:
        while not ended.wait(LOOK_EVERY):
            for pk, status in Instance.objects.filter(pk__in=by_pk).values_list("pk", "status"):
                by_pk[pk].note(status)
    finally:
        connection.close()


def _view(port: int, cookie: str, seen: Seen, ended: threading.Event) -> None:
    """Ask as a page does."""
    http = HTTPConnection("127.0.0.1", port, timeout=30)
    time.sleep(random.uniform(0, PACE))
    while not ended.is_set():
        began = time.monotonic()
        status, text = asked(http, "/api/instances/status", cookie)
        assert status == 200, text
        seen.note(_status(text))
        ended.wait(max(0.0, began + PACE - time.monotonic()))


def _status(text: str) -> str:
    return text.partition('"status":')[2].split('"')[1]


def _cookie(number: int) -> str:
    owner = Instance.objects.select_related("owner").get(pk=row_of(number)).owner
    return f"{settings.SESSION_COOKIE_NAME}={sign_in(Client(), owner)}"


def _plain(amazon: Amazon, viewers: Sequence[int]) -> tuple[float, float]:
    """Let each poll of each viewer ask EC2; return the calls a minute, and the part of them that is refused."""
    manners = Config(retries={"total_max_attempts": 1}, max_pool_connections=len(viewers))
    session = boto3.Session("bench", "bench", region_name=REGION)
    ec2 = session.client("ec2", endpoint_url=amazon.url, config=manners)
    refused: list[bool] = []

    def view(number: int) -> None:
        end = time.monotonic() + PLAIN_SECONDS
        time.sleep(random.uniform(0, PACE))
        while (began := time.monotonic()) < end:
            try:
                ec2.describe_instances(InstanceIds=[instance_id_of(number)])
                refused.append(False)
            except ClientError:
                refused.append(True)
            time.sleep(max(0.0, began + PACE - time.monotonic()))

    with ThreadPoolExecutor(len(viewers)) as pool:
        list(pool.map(view, viewers))
    return len(refused) * 60 / PLAIN_SECONDS, sum(refused) / len(refused)
