"""`ondol restore FILE`: replace the database by a backup, all of it or nothing, while nothing of Ondol runs."""

import argparse
import os
from pathlib import Path

from ondol import clock
from ondol.backup import archive, database, dump, restore
from ondol.backup.archive import Backup, BackupError, Manifest
from ondol.commands import CommandError, _django
from ondol.commands.backup import say
from ondol.config import Config, config
from ondol.host.home import new_secret_key, new_vault_key

_NO_DATABASE = "postgresql:///none?host=/nonexistent"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `ondol restore`."""
    parser.add_argument("file", type=Path, help="what `ondol backup` has written")
    lost = "although ONDOL_VAULT_KEYS opens some private SSH keys in it no more: their owners need new machines"
    parser.add_argument("--without-vault-keys", action="store_true", help=lost)
    present = "do not write the present database to a backup first; for one that cannot be read any more"
    parser.add_argument("--discard-present", action="store_true", help=present)


def run(options: argparse.Namespace) -> None:
    """Check everything, back up the present database, replace it, and list machines that the backup does not know."""
    try:
        with archive.reading(options.file.expanduser()) as backup:
            settings = _load_django()
            _check_version(backup.manifest)
            notes = _check_keys(backup.manifest, settings, without=options.without_vault_keys)
            with database.to_replace(settings, say) as url:
                notes += _replace(url, backup, settings, discard=options.discard_present)
    except BackupError as error:
        raise CommandError(str(error)) from None
    print(f"Restored the backup of {backup.manifest.made_at}, with {backup.manifest.machines} machines.")
    for note in notes:
        print(note)
    print("Everybody signs in again. What was withdrawn since then holds again: API tokens, people who were suspended.")
    print("Now start `ondol up`; on several hosts run `ondol migrate` first. Then `ondol sweep` compares it with AWS.")


def _load_django() -> Config:
    """Load Django for its migrations and keys, without a database. Return the settings as they really are."""
    _django.borrow_secrets(config().home)
    settings = config()
    stand_ins = {
        "ONDOL_SECRET_KEY": settings.secret_key or new_secret_key(),
        "ONDOL_VAULT_KEYS": ",".join(settings.vault_keys) or new_vault_key(),
        "DATABASE_URL": settings.database_url or _NO_DATABASE,
    }
    os.environ.update(stand_ins)
    config.cache_clear()
    _django.load_code()
    return settings


def _check_version(manifest: Manifest) -> None:
    from django.db.migrations.loader import MigrationLoader  # noqa: PLC0415  after Django's set-up

    known = {".".join(key) for key in MigrationLoader(None).disk_migrations}
    apps = {name.partition(".")[0] for name in known}  # a provider that is not configured needs no migrations
    newer = [name for name in manifest.migrations if name not in known and name.partition(".")[0] in apps]
    if newer:
        raise BackupError(
            f"The backup is of a newer Ondol ({manifest.ondol}): this one does not know {newer[-1]}. Install that "
            "version, then restore. Nothing was changed."
        )


def _check_keys(manifest: Manifest, settings: Config, *, without: bool) -> list[str]:
    """Return sentences about keys that differ. Raises BackupError if secrets could not be opened."""
    from ondol.deployment import fingerprints  # noqa: PLC0415  after Django's set-up

    ours = fingerprints.ours()
    here = ours.vault if settings.vault_keys else ()
    missing = {key: count for key, count in manifest.vault_keys.items() if key not in here}
    shut = sum(missing.values())
    if missing and not without:
        raise BackupError(
            f"{shut} secrets in this backup (private SSH keys, second factors) were sealed with "
            f"{' and '.join(missing)}, which is not in ONDOL_VAULT_KEYS (there: {', '.join(here) or 'none'}), so "
            "nobody could use them. Add that key, which is kept apart from backups; or go on by --without-vault-keys. "
            "Nothing was changed."
        )
    notes = []
    if missing:
        notes.append(
            f"{shut} secrets (private SSH keys, second factors) do not open without {' and '.join(missing)}: "
            "`ondol keys accept --lost`."
        )
    if manifest.signing_key and (not settings.secret_key or manifest.signing_key != ours.signing):
        notes.append("ONDOL_SECRET_KEY is not the one of the backup: set that, or run `ondol keys accept` afterwards.")
    return notes


def _put_head_aside(to: Path) -> list[str]:
    """Rename the file with the head of the old record: the restored record does not contain it."""
    from ondol.audit import linking  # noqa: PLC0415  after Django's set-up

    if linking.head_file().exists():
        linking.head_file().rename(to)
        return [
            f"The head of the record as it was is in {to}; remove `audit.head` in the ONDOL_HOME of other hosts, too."
        ]
    return []


def _replace(url: str, backup: Backup, settings: Config, *, discard: bool) -> list[str]:
    with database.connected(url) as connection:
        restore.check(connection, backup.manifest)
        major = connection.info.server_version // 10_000
        before = [] if discard else restore.machines(connection)
        is_there = database.has_ondol(connection)
    kept = settings.home / f"before-restore-{clock.real_now():%Y%m%dT%H%M%SZ}.backup"
    notes = []
    if is_there and not discard:
        dump.back_up(url, kept)
        notes.append(f"What was there before is in {kept}.")
    say("replacing the database")
    restore.replace(url, backup, major)
    notes += _put_head_aside(kept.with_suffix(".audit.head"))
    for machine in restore.lost(before, url):
        key = f"; its private SSH key is in {kept.name} only" if machine.has_key else ""
        notes.append(f"The backup does not know {machine.instance_id or 'the new machine'} of {machine.email}{key}.")
    return notes
