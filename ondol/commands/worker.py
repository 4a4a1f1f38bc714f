"""`ondol worker`: makes wishes come true in AWS. Any number, on any hosts."""

import argparse

from ondol.commands import _django


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Of `ondol worker`."""
    parser.add_argument("--concurrency", type=int, default=20, help="jobs at the same time (20)")


def run(options: argparse.Namespace) -> int:
    """Work until SIGTERM, or until PostgreSQL is gone: then end, for a supervisor to start it anew."""
    _django.set_up()
    from ondol.config import config  # noqa: PLC0415
    from ondol.worker import work  # noqa: PLC0415  after Django's set-up

    config().require("vpc_id", "subnet_id")
    return work(max(1, options.concurrency))
