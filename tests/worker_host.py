"""A worker process for `test_worker.py`: the real loop of `ondol.worker`, with tasks that take as long as told.

`python -m tests.worker_host` works until told to stop; DATABASE_URL says where.
"""

import logging
import os
import sys
import time

import django
from django.conf import settings
from django.db import connection
from procrastinate.contrib.django import app

from ondol.logs import TextFormatter
from ondol.settings import DATABASES

TABLE = "CREATE TABLE ran (name text, pid int, ended boolean DEFAULT false)"


def set_up() -> None:
    """Set up Django with Procrastinate's tables and nothing else."""
    if not settings.configured:
        settings.configure(
            DATABASES=DATABASES,
            INSTALLED_APPS=["procrastinate.contrib.django"],
            PROCRASTINATE_IMPORT_PATHS=["tests.worker_tasks"],
            PROCRASTINATE_AUTODISCOVER_MODULE_NAME="",
            USE_TZ=True,
            LOGGING_CONFIG=None,
        )
    django.setup()
    told = logging.StreamHandler()
    told.setFormatter(TextFormatter())
    logging.basicConfig(level=logging.INFO, handlers=[told])


def record(name: str, seconds: float) -> None:
    """Record one run: when it begins, and when it has ended."""
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO ran (name, pid) VALUES (%s, %s)", [name, os.getpid()])
        time.sleep(seconds)
        cursor.execute("UPDATE ran SET ended = true WHERE name = %s AND pid = %s", [name, os.getpid()])


def main() -> int:
    """Prepare the database, or work."""
    set_up()
    if sys.argv[1:] == ["prepare"]:
        from django.core.management import call_command

        call_command("migrate", verbosity=0)
        with connection.cursor() as cursor:
            cursor.execute(TABLE)
        return 0
    if sys.argv[1:2] == ["defer"]:
        for words in sys.argv[2:]:
            name, seconds, lock, *asked_by = words.split(":")
            locks = {"lock": lock, "queueing_lock": lock} if lock else {}
            for_request = {"request_id": asked_by[0]} if asked_by else {}
            app.configure_task("nap", **locks).defer(name=name, seconds=float(seconds), **for_request)
        return 0
    if sys.argv[1:2] == ["falter"]:
        app.configure_task("falter").defer(name=sys.argv[2])
        return 0
    from ondol.worker import work

    return work(20, lambda: os._exit(1))


if __name__ == "__main__":
    sys.exit(main())
