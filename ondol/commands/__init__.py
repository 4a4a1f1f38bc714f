"""The `ondol` command: one module for each subcommand."""

import argparse
import importlib
import io
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
    "backup": "write the database to a file, from which `ondol restore` makes it again",
    "restore": "replace the database by a backup, while nothing of Ondol runs",
    "audit": "verify the record of who did what, or remove old rows of it",
    "costs": "compare the prepared figures of a month with the record of what machines did",
    "vault": "seal all private SSH keys with the first of ONDOL_VAULT_KEYS, so that an older one can go",
    "keys": "which signing and vault keys are the deployment's; take new ones on purpose",
    "user": "add, list, approve and suspend people, and change their role",
    "config": "check the settings, and print those that hold",
    "sweep": "what is ours in AWS and nobody's, and the reverse; changes nothing without --apply",
    "doctor": "is all there that machines need? Changes nothing; also prints the IAM policy",
    "mail": "send an e-mail to try the mail server, step by step",
    "token": "create a personal API token",
    "install": "systemd's units for this installation; changes nothing without --apply",
    "manage": "Django's own commands",
}


PASSED_ON = ("localcloud", "manage")
"""Commands whose arguments are another program's, options first or not."""


class CommandError(Exception):
    """A request that cannot be fulfilled; the text is the sentence on the terminal."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command. Errors are a sentence on stderr and code 1, or 2 for wrong options."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal without Korean letters still shows the rest
            stream.reconfigure(errors="backslashreplace")
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ondol.settings")
    parser = argparse.ArgumentParser(prog="ondol", description="Personal Ubuntu machines on Amazon EC2.")
    parser.add_argument("--version", action="version", version=f"ondol {__version__}")
    words = parser.add_subparsers(dest="word", required=True, metavar="COMMAND")
    for word, help_text in WORDS.items():
        sub = words.add_parser(word, help=help_text, description=help_text)
        if arguments and arguments[0] == word:  # only what is asked for is loaded
            importlib.import_module(f"ondol.commands.{word}").add_arguments(sub)
    if arguments and arguments[0] in PASSED_ON and arguments[1:2] not in (["-h"], ["--help"]):
        options = argparse.Namespace(word=arguments[0], rest=arguments[1:])
    else:
        options = parser.parse_args(arguments)
    if not all(word.isprintable() or word.isascii() for word in arguments):
        print("ondol: an option is not UTF-8 text.", file=sys.stderr)
        return 2
    os.environ["PGAPPNAME"] = f"ondol {options.word}"  # what pg_stat_activity shows of our connections
    return _run(options)


def _run(options: argparse.Namespace) -> int:
    from ondol.config import ConfigError, unknown_in_environment  # noqa: PLC0415  `--help` needs no settings

    for name, wrong in unknown_in_environment().items():
        print(f"ondol: WARNING: {name} in the environment has no effect: {wrong}.", file=sys.stderr)
    try:
        return int(importlib.import_module(f"ondol.commands.{options.word}").run(options) or 0)
    except (CommandError, ConfigError) as error:
        print(f"ondol: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:  # `ondol … | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 1
    except OSError as error:  # a full disk, a folder of somebody else
        print(f"ondol: {error.filename or options.word}: {error.strerror or error}.", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        database = sys.modules.get("ondol.commands._django")  # only commands that use one have loaded it
        if database is None or not (trouble := database.trouble_in(error)):
            raise
        print(f"ondol: PostgreSQL: {trouble}.", file=sys.stderr)
        return 1
