"""`ondol localcloud`: the trial cloud alone; a program of its own that shares only the network with us."""

import argparse
import os
import sys

from ondol.commands import CommandError
from ondol.host.extras import NO_TRIAL_CLOUD, has_trial_cloud


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what is passed on: everything."""
    parser.add_argument(
        "rest", nargs=argparse.REMAINDER, help="its own options; `ondol localcloud -- --help` lists them"
    )


def run(options: argparse.Namespace) -> None:
    """Replace this process by the trial cloud."""
    from ondol.config import config  # noqa: PLC0415  read when it is needed

    if not has_trial_cloud():
        raise CommandError(NO_TRIAL_CLOUD)
    rest = options.rest[1:] if options.rest[:1] == ["--"] else options.rest
    if "--home" not in rest:
        rest = ["--home", str(config().home / "cloud"), *rest]
    os.execv(sys.executable, [sys.executable, "-m", "localcloud", *rest])  # noqa: S606  our own program
