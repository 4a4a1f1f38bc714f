"""What commands that need the database do first."""

import os
import time

import django
import psycopg
from django.db import connection

from ondol.commands import CommandError
from ondol.config import config
from ondol.host.environments import forget_libpq


def set_up(*, migrated: bool = True, patience: float = 0.0) -> None:
    """Load Django, on the database of this home's `ondol up` if none is set. Raises CommandError.

    `patience` is for how many seconds PostgreSQL may still be on its way.
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


def first_line(error: Exception) -> str:
    """What PostgreSQL says; the lines below it are advice for somebody else."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")


def borrow_from_home() -> None:
    """What `ondol up` made and keeps in its home, unless the environment says otherwise."""
    home = config().home
    files = {"DATABASE_URL": "database.url", "ONDOL_SECRET_KEY": "secret.key", "ONDOL_VAULT_KEYS": "vault.keys"}
    for variable, name in files.items():
        file = home / name
        if not os.environ.get(variable) and file.exists():
            os.environ[variable] = file.read_text().strip()
            if variable == "DATABASE_URL":
                forget_libpq(os.environ)
    config.cache_clear()
    if not config().database_url:
        raise CommandError(f"No `ondol up` runs on {home}, and DATABASE_URL is not set. Start it, or set that.")
    config().require("secret_key", "vault_keys")
