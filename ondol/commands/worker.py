"""`ondol worker`: carries out requests in AWS. Any number may run, on any hosts."""

import argparse
import os

from ondol.commands import _aws, _django
from ondol.config import config


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `ondol worker`."""
    parser.add_argument("--concurrency", type=int, default=20, help="jobs at the same time (20)")


def run(options: argparse.Namespace) -> int:
    """Work until SIGTERM, or until PostgreSQL is gone: then end, for a supervisor to start it again."""
    os.umask(0o077)  # e-mails with links to sign in: nobody else may read them
    _aws.read_env_file()
    _django.set_up()
    from ondol.doctor.records import ask  # noqa: PLC0415  after Django's set-up
    from ondol.worker import work  # noqa: PLC0415

    config().require("vpc_id", "subnet_id")
    # A restart may mean changed settings, so check them. First the rest of `ondol up` gets the processor.
    ask(after_seconds=5)
    return work(max(1, options.concurrency))
