"""The job that `bench.jobs` starts: it records how long after the click it began."""

import asyncio
import os
import time

from django.db import connection
from procrastinate import JobContext
from procrastinate.contrib.django import app

from ondol import worker

if os.environ.get("BENCH_POLL_ONLY"):

    async def _hear_nothing(*arguments: object, **more: object) -> None:
        await asyncio.Event().wait()

    worker._Connector.listen_notify = _hear_nothing  # type: ignore[method-assign]


@app.task(name="bench")
def started(way: str, clicked: float) -> None:
    """Record the seconds since the click."""
    waited = time.time() - clicked
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO bench VALUES (%s, %s)", [way, waited])


@app.task(name="called", pass_context=True)
def called(context: JobContext, seconds: float) -> None:
    """Wait for so long, as for an answer of AWS, and record that this job has run."""
    time.sleep(seconds)
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO bench_ran VALUES (%s, %s)", [context.job.id, context.job.worker_id])


@app.periodic(cron="* * * * * */2")
@app.task(name="tick", queueing_lock="tick")
def tick(timestamp: int) -> None:
    """Tick periodically, as the real worker does."""
