"""What commands that need the database do first."""

import os
import re
import time
from pathlib import Path
from urllib.parse import urlsplit

import django
import psycopg
from django.db import Error, OperationalError, connection

from ondol.commands import CommandError
from ondol.config import config
from ondol.host.environments import forget_libpq

_STRAY = re.compile("%(?![0-9A-Fa-f]{2})")
"""A per cent sign that encodes nothing."""


def set_up(*, migrated: bool = True, patience: float = 0.0) -> None:
    """Load Django, on the database of this home's `ondol up` if none is set. Raises CommandError.

    `patience` is how many seconds PostgreSQL may still need to start.
    """
    borrow_from_home()
    django.setup()
    end = time.monotonic() + patience
    while trouble := _trouble():
        if time.monotonic() > end:
            raise CommandError(f"PostgreSQL does not answer ({trouble}). Start it, or correct DATABASE_URL.")
        time.sleep(0.5)  # noqa: TID251  another process at the edge
    if migrated and "accounts_user" not in connection.introspection.table_names():
        raise CommandError("The database is empty. Run `ondol migrate` first.")


def _trouble() -> str:
    try:
        with psycopg.connect(config().database_url, connect_timeout=5):
            return ""
    except psycopg.Error as error:
        return first_line(error)


def first_line(error: BaseException) -> str:
    """Return what PostgreSQL says; the lines below it are advice for somebody else."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")


def borrow_from_home() -> None:
    """Set what `ondol up` made and keeps in its home, unless the environment says otherwise."""
    home = config().home
    files = {"DATABASE_URL": "database.url", "ONDOL_SECRET_KEY": "secret.key", "ONDOL_VAULT_KEYS": "vault.keys"}
    for variable, name in files.items():
        file = home / name
        if not os.environ.get(variable) and file.exists():
            os.environ[variable] = file.read_text().strip()
            if variable == "DATABASE_URL":
                forget_libpq(os.environ)
                _borrow_clock(home / "clock")
    config.cache_clear()
    if not config().database_url:
        raise CommandError(f"No `ondol up` runs on {home}, and DATABASE_URL is not set. Start it, or set that.")
    if not _is_well_formed(config().database_url):
        raise CommandError(
            "DATABASE_URL cannot be read. Write postgresql://USER:PASSWORD@HOST:PORT/NAME, and in the password "
            "%40 for @, %2F for /, %23 for #, %3F for ?, %25 for %."
        )
    config().require("secret_key", "vault_keys")


def _borrow_clock(file: Path) -> None:
    """Set the trial's clock, for its times are on it whoever asks; the file has the form of ONDOL_CLOCK."""
    if config().cloud == "local" and not os.environ.get("ONDOL_CLOCK") and file.exists():
        os.environ["ONDOL_CLOCK"] = file.read_text().strip()


def _is_well_formed(url: str) -> bool:
    """Return whether this is a URL: else pieces of a password are taken for a host or a port, and printed as such."""
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018  it is read here
    except ValueError:
        return False
    return (
        parts.netloc.count("@") <= 1 and "@" not in parts.path + parts.query + parts.fragment and not _STRAY.search(url)
    )


def trouble_in(error: BaseException) -> str:
    """Return what PostgreSQL says if it is away or refuses us; empty for anything else, which is our own mistake."""
    if not isinstance(error, Error):
        return ""
    deeper: BaseException | None = error
    while deeper is not None:
        refused = getattr(deeper, "sqlstate", None) == "42501"  # insufficient_privilege
        if isinstance(deeper, (OperationalError, psycopg.OperationalError)) or refused:
            return first_line(deeper)
        deeper = deeper.__cause__ or deeper.__context__
    return ""
