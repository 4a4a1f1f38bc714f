"""`ondol worker`: carries out requests in AWS. Any number may run, on any hosts."""

import argparse
import logging
import os
import sys
from collections.abc import Callable
from functools import partial
from math import inf
from threading import Thread

from ondol.commands import _aws, _django
from ondol.config import config
from ondol.database.base import limit_waiting
from ondol.host import signs_of_life
from ondol.host.capacity import JOBS
from ondol.host.garbage import keep_what_is_loaded

log = logging.getLogger(__name__)

ANSWER_WITHIN = 30.0
"""The seconds that PostgreSQL may take for one statement of a job."""

FEWEST = 2
"""A worker with one job at a time would only observe what changes, every two seconds."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `ondol worker`."""
    parser.add_argument("--metrics-port", type=int, help="default: ONDOL_WORKER_METRICS_PORT; 0: none")
    parser.add_argument("--concurrency", type=_concurrency, default=JOBS, help=f"jobs at the same time ({JOBS})")


def _concurrency(text: str) -> int:
    if not (text.isascii() and text.isdecimal()) or int(text) < FEWEST:
        raise argparse.ArgumentTypeError(f"{text}: use a whole number from {FEWEST} on")
    return int(text)


def run(options: argparse.Namespace) -> int:
    """Work until SIGTERM; while PostgreSQL is away, wait for it, however long that takes."""
    if options.metrics_port is not None:
        os.environ["ONDOL_WORKER_METRICS_PORT"] = str(options.metrics_port)
    os.umask(0o077)  # e-mails with links to sign in: nobody else may read them
    environment = dict(os.environ)
    _aws.read_env_file()
    config().require_real_time()
    _django.leave_owner()
    _django.load()
    from ondol.doctor.records import ask  # noqa: PLC0415  after Django's set-up
    from ondol.monitoring.server import serve  # noqa: PLC0415
    from ondol.worker import work  # noqa: PLC0415

    limit_waiting(ANSWER_WITHIN)
    # Before the wait, so that a supervisor's probe does not take a waiting worker for a dead one.
    serve(config().worker_metrics_port, {"/healthz": signs_of_life.is_working, "/livez": signs_of_life.is_alive})
    _django.await_database(inf)
    begin_again = partial(_begin_again, environment)
    try:
        _django.refuse_wrong_database()
        config().require_cloud()
        # A restart may mean changed settings, so check them. First the rest of `ondol up` gets the processor.
        ask(after_seconds=5)
    except Exception as error:
        if not (trouble := _django.lost_in(error)):
            raise
        log.warning("PostgreSQL: %s", trouble)  # it has just gone again, or is too slow
        begin_again()
    from ondol.deployment.connection import get_ready  # noqa: PLC0415  it takes the SDK along, and a probe waits no more

    Thread(target=_get_ready, args=(get_ready,), name="get-ready", daemon=True).start()
    return work(options.concurrency, begin_again)


def _get_ready(ask: Callable[[], None]) -> None:
    try:
        ask()
    finally:
        keep_what_is_loaded()


def _begin_again(environment: dict[str, str]) -> None:
    """Replace this process by a new `ondol worker`, which waits for PostgreSQL; a supervisor does not notice."""
    log.warning("PostgreSQL is gone; waiting for it")
    logging.shutdown()
    os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], environment)  # noqa: S606  our own program
