"""`ondol worker`: carries out requests in AWS. Any number may run, on any hosts."""

import argparse
import os
from math import inf

from ondol.commands import _aws, _django
from ondol.config import config
from ondol.database.base import limit_waiting

ANSWER_WITHIN = 30.0
"""The seconds that PostgreSQL may take for one statement of a job."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `ondol worker`."""
    parser.add_argument("--concurrency", type=int, default=20, help="jobs at the same time (20)")


def run(options: argparse.Namespace) -> int:
    """Work until SIGTERM; while PostgreSQL is away, wait for it, however long that takes."""
    os.umask(0o077)  # e-mails with links to sign in: nobody else may read them
    environment = dict(os.environ)
    _aws.read_env_file()
    _django.set_up(migrated=False, patience=inf)
    limit_waiting(ANSWER_WITHIN)
    _django.refuse_wrong_database()
    from ondol.doctor.records import ask  # noqa: PLC0415  after Django's set-up
    from ondol.worker import work  # noqa: PLC0415

    config().require("vpc_id", "subnet_id")
    # A restart may mean changed settings, so check them. First the rest of `ondol up` gets the processor.
    ask(after_seconds=5)
    return work(max(1, options.concurrency), environment)
