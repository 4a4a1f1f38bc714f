"""A job for `test_job_lease.py` that asks, after some seconds, whether it is still its own."""

import os
import time

from django.db import connection, transaction
from procrastinate import JobContext
from procrastinate.contrib.django import app

from ondol.reconciler.job_lease import JobLeaseLost, ensure_job_lease


@app.task(name="ask", queue="instances", pass_context=True)
def ask(context: JobContext, name: str) -> None:
    """Begin, take a while, and record whether this job may still write."""
    note(name, "began")
    time.sleep(1.5)
    try:
        with transaction.atomic():
            ensure_job_lease(context)
            note(name, "saved")
    except JobLeaseLost:
        note(name, "lost")


@app.periodic(cron="* * * * * */2")
@app.task(name="tick", queueing_lock="tick")
def tick(timestamp: int) -> None:
    """Tick, as the real worker does, which notices by it that PostgreSQL has gone."""


def note(name: str, what: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO noted VALUES (%s, %s, %s)", [name, what, os.getpid()])
