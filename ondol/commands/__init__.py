"""The `ondol` command: one module for each word after it."""

import argparse
import importlib
import os
import sys
from collections.abc import Sequence

from ondol import __version__

WORDS = {
    "up": "everything on this host, in one process tree",
    "web": "the web part alone",
    "worker": "the worker alone; it alone needs AWS credentials",
    "localcloud": "the trial cloud alone",
    "migrate": "bring the database up to date (several hosts: once, before web and worker)",
    "user": "add a person",
    "token": "create a personal API token",
    "manage": "Django's own commands",
}


class CommandError(Exception):
    """What was asked cannot be done; the text is the sentence on the terminal."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; what goes wrong is a sentence on stderr and code 1, or 2 for wrong options."""
    arguments = sys.argv[1:] if arguments is None else arguments
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ondol.settings")
    parser = argparse.ArgumentParser(prog="ondol", description="Personal Ubuntu machines on Amazon EC2.")
    parser.add_argument("--version", action="version", version=f"ondol {__version__}")
    words = parser.add_subparsers(dest="word", required=True, metavar="COMMAND")
    for word, help_text in WORDS.items():
        sub = words.add_parser(word, help=help_text, description=help_text)
        if arguments and arguments[0] == word:  # only what is asked for is loaded
            importlib.import_module(f"ondol.commands.{word}").add_arguments(sub)
    options = parser.parse_args(arguments)
    from ondol.config import ConfigError  # noqa: PLC0415  `--help` needs no settings

    try:
        return int(importlib.import_module(f"ondol.commands.{options.word}").run(options) or 0)
    except (CommandError, ConfigError) as error:
        print(f"ondol: {error}", file=sys.stderr)
        return 1
    except OSError as error:  # a full disk, a folder of somebody else
        print(f"ondol: {error.filename or options.word}: {error.strerror or error}.", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
