"""`ondol worker`: makes wishes come true in AWS. Any number, on any hosts."""

import argparse
import os

from ondol.commands import _aws, _django
from ondol.config import config


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Of `ondol worker`."""
    parser.add_argument("--concurrency", type=int, default=20, help="jobs at the same time (20)")


def run(options: argparse.Namespace) -> int:
    """Work until SIGTERM, or until PostgreSQL is gone: then end, for a supervisor to start it anew."""
    os.umask(0o077)  # e-mails with links to sign in: nobody else's
    _aws.read_env_file()
    _django.set_up()
    from ondol.doctor.records import ask  # noqa: PLC0415  after Django's set-up
    from ondol.worker import work  # noqa: PLC0415

    config().require("vpc_id", "subnet_id")
    # Whoever has started it may have changed what it goes by. First the rest of `ondol up` gets the processor.
    ask(after_seconds=5)
    return work(max(1, options.concurrency))
