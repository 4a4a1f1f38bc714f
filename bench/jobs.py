"""Measures the time from the click to the start of its job: LISTEN against polling only, once a second."""

import os
import random
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection

from bench.place import ONDOL, percentiles, table
from bench.record import ratio
from bench.tasks import started

CLICKS = 200
WAYS = {"LISTEN": "", "polling only": "yes"}


def main() -> None:
    """Click at random moments, with one worker."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE bench (way text, waited float)")
    times = {way: percentiles(_waits(way, poll_only)) for way, poll_only in WAYS.items()}
    p50, p99 = times["LISTEN"]
    ratio("jobs: polling only beside LISTEN, p50 of the wait", times["polling only"][0] / p50)
    rows = [
        (way, f"{a * 1000:.1f} ms", f"{b * 1000:.1f} ms", f"{a / p50:.1f} ×", f"{b / p99:.1f} ×")
        for way, (a, b) in times.items()
    ]
    table(f"Click → job starts ({CLICKS} clicks)", ["", "p50", "p99", "p50, ratio", "p99, ratio"], rows)


def _waits(way: str, poll_only: str) -> list[float]:
    chance = random.Random(1)
    with _worker(poll_only), connection.cursor() as cursor:
        for _ in range(CLICKS):
            time.sleep(chance.uniform(0.01, 0.09))
            started.defer(way=way, clicked=time.time())
        while True:
            cursor.execute("SELECT waited FROM bench WHERE way = %s", [way])
            if len(found := [waited for (waited,) in cursor.fetchall()]) == CLICKS:
                return found
            time.sleep(0.1)


@contextmanager
def _worker(poll_only: str) -> Iterator[None]:
    env = os.environ | {"BENCH_POLL_ONLY": poll_only}
    with subprocess.Popen([*ONDOL, "worker"], env=env, stderr=subprocess.PIPE) as worker:
        assert worker.stderr
        while b"worker is ready" not in worker.stderr.readline():
            assert worker.poll() is None, "the worker has ended"
        time.sleep(1)  # it registers and listens
        yield
        worker.send_signal(signal.SIGTERM)
