"""What commands that need the database do first."""

import os

import django
import psycopg
from django.db import connection

from ondol.commands import CommandError
from ondol.config import config


def set_up(*, migrated: bool = True) -> None:
    """Load Django, on the database of this home's `ondol up` if none is set. Raises CommandError."""
    borrow_from_home()
    django.setup()
    try:
        with psycopg.connect(config().database_url, connect_timeout=5):
            pass
    except psycopg.Error as error:
        reason = str(error).strip().splitlines()[-1] if str(error).strip() else type(error).__name__
        raise CommandError(f"PostgreSQL does not answer: {reason}. Start it, or correct DATABASE_URL.") from None
    if migrated and "accounts_user" not in connection.introspection.table_names():
        raise CommandError("The database is empty. Run `ondol migrate` first.")


def borrow_from_home() -> None:
    """What `ondol up` made and keeps in its home, unless the environment says otherwise."""
    home = config().home
    files = {"DATABASE_URL": "database.url", "ONDOL_SECRET_KEY": "secret.key", "ONDOL_VAULT_KEYS": "vault.keys"}
    for variable, name in files.items():
        file = home / name
        if not os.environ.get(variable) and file.exists():
            os.environ[variable] = file.read_text().strip()
    config.cache_clear()
    if not config().database_url:
        raise CommandError(f"No `ondol up` runs on {home}, and DATABASE_URL is not set. Start it, or set that.")
    config().require("secret_key", "vault_keys")
