"""`ondol localcloud`: the trial cloud alone; a program of its own that shares nothing with us but the wire."""

import argparse
import os
import sys

from ondol.commands import CommandError
from ondol.host.extras import NO_TRIAL_CLOUD, has_trial_cloud


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Everything is passed on."""
    parser.add_argument(
        "rest", nargs=argparse.REMAINDER, help="its own options; `ondol localcloud -- --help` lists them"
    )


def run(options: argparse.Namespace) -> None:
    """Become it."""
    from ondol.config import config  # noqa: PLC0415  read when it is needed

    if not has_trial_cloud():
        raise CommandError(NO_TRIAL_CLOUD)
    rest = options.rest[1:] if options.rest[:1] == ["--"] else options.rest
    if "--home" not in rest:
        rest = ["--home", str(config().home / "cloud"), *rest]
    os.execv(sys.executable, [sys.executable, "-m", "localcloud", *rest])  # noqa: S606  our own program
