"""`ondol backup FILE`: one file with the database, whether Ondol runs or not; `ondol restore` reads it."""

import argparse
import sys
from pathlib import Path

from ondol.commands import CommandError
from ondol.config import config


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `ondol backup`."""
    parser.add_argument("file", type=Path, help="what to write; a file of that name is replaced once this one is whole")


def run(options: argparse.Namespace) -> None:
    """Write the backup, and say which keys open it."""
    from ondol.backup import database, dump  # noqa: PLC0415  `--help` needs no PostgreSQL
    from ondol.backup.archive import BackupError  # noqa: PLC0415

    file = options.file.expanduser().absolute()
    try:
        with database.to_read(config(), say) as url:
            manifest = dump.back_up(url, file)
    except BackupError as error:
        raise CommandError(str(error)) from None
    print(f"Wrote {file} ({file.stat().st_size:,} bytes): {manifest.machines} machines, PostgreSQL {manifest.major}.")
    if manifest.vault_keys:
        print(
            f"Its private SSH keys and second factors open with {' and '.join(manifest.vault_keys)} of ONDOL_VAULT_KEYS"
            " only, which is not in it: keep that in another place."
        )


def say(text: str) -> None:
    """Print what is being done, beside the result."""
    print(f"ondol: {text}", file=sys.stderr)
