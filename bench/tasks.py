"""The job that `bench.jobs` starts: it records how long after the click it began."""

import os
import time

from django.db import connection
from procrastinate.contrib.django import app

if os.environ.get("BENCH_POLL_ONLY"):
    app.worker_defaults["listen_notify"] = False


@app.task(name="bench")
def started(way: str, clicked: float) -> None:
    """Record the seconds since the click."""
    waited = time.time() - clicked
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO bench VALUES (%s, %s)", [way, waited])


@app.periodic(cron="* * * * * */2")
@app.task(name="tick", queueing_lock="tick")
def tick(timestamp: int) -> None:
    """Tick periodically, as the real worker does."""
