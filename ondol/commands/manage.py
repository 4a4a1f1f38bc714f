"""`ondol manage …`: Django's own commands."""

import argparse

from ondol.commands import _django


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what is passed on: everything."""
    parser.add_argument("rest", nargs=argparse.REMAINDER)


def run(options: argparse.Namespace) -> None:
    """Run Django's command."""
    _django.borrow_from_home()
    from django.core.management import execute_from_command_line  # noqa: PLC0415  after the environment

    options.rest = options.rest[1:] if options.rest[:1] == ["--"] else options.rest
    execute_from_command_line(["ondol manage", *options.rest])
