"""Tasks of `tests.worker_host`; imported by its workers alone."""

import logging

from django.db import transaction
from procrastinate.contrib.django import app

from tests.worker_host import record


@app.task(name="nap")
def nap(name: str, seconds: float) -> None:
    """Sleep for so long, in a thread, as the jobs about machines do."""
    logging.getLogger("nap").info("naps")
    record(name, seconds)


@app.task(name="falter")
def falter(name: str) -> None:
    """Enqueue a nap, and fail before committing."""
    with transaction.atomic():
        app.configure_task("nap").defer(name=name, seconds=0)
        raise RuntimeError(name)


@app.periodic(cron="* * * * * */2")
@app.task(name="tick", queueing_lock="tick")
def tick(timestamp: int) -> None:
    """Tick: without a periodic task a worker does not notice that PostgreSQL has gone."""
