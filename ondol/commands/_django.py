"""Set-up for commands that need the database."""

import logging
import os
import time
from collections.abc import Iterable, Iterator
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING

import django
import psycopg
from django.db import Error, OperationalError
from django.utils import translation
from procrastinate.exceptions import ConnectorException

from ondol.commands import CommandError
from ondol.config import ConfigError, config, variable
from ondol.database.url import read
from ondol.host.environments import OWNER, forget_libpq
from ondol.host.garbage import without_collection
from ondol.host.home import new_secret_key, new_vault_key

if TYPE_CHECKING:
    from ondol.doctor.findings import Finding

log = logging.getLogger(__name__)

_LOST = (OperationalError, psycopg.OperationalError)
SAY_AGAIN = 60.0
"""How often, in seconds, a part says that it waits for PostgreSQL."""


def set_up(*, migrated: bool = True, patience: float = 0.0, as_owner: bool = False) -> None:
    """Load Django, on the database of this home's `ondol up` if none is set. Raises CommandError.

    `patience` is how many seconds PostgreSQL may still need to start.
    """
    load_as_owner() if as_owner else load()
    await_database(patience)
    if migrated:
        _refuse_wrong_schema()


def load_code() -> None:
    """Load Django and all apps, by the settings as they are."""
    with without_collection():
        django.setup()


def load() -> None:
    """Load Django, on the database of this home's `ondol up` if none is set. Raises CommandError."""
    borrow_from_home()
    load_code()


def load_as_owner() -> str:
    """Load Django as the owner of the tables, where that is another role; return DATABASE_URL, the application's.

    It is empty if one role does both. Raises CommandError.
    """
    is_set = bool(config().database_url)
    borrow_from_home()
    if not is_set:
        _borrow("database_owner_url", config().home / "database.owner.url")
        config.cache_clear()
    application, owner = config().database_url, config().database_owner_url
    if owner:
        os.environ["DATABASE_URL"] = owner
        config.cache_clear()
    load_code()
    return application if owner else ""


def leave_owner() -> None:
    """Forget the URL of the tables' owner, which no long-running part may have."""
    if os.environ.pop(OWNER, "") or config().database_owner_url:
        log.warning(
            "%s is among the settings of this part, which needs DATABASE_URL alone: whoever breaks into it becomes the "
            "owner of all tables. Give it to `ondol migrate` only.",
            OWNER,
        )
    config.cache_clear()


def await_database(patience: float) -> None:
    """Wait for PostgreSQL for so many seconds, and say so each minute. Raises CommandError."""
    began = said = time.monotonic()
    while trouble := _trouble():
        now = time.monotonic()
        if "unsupported startup parameter" in trouble:
            raise CommandError(
                f"A pooler refuses the connection ({trouble}). Take that parameter out of DATABASE_URL, or add"
                " `ignore_startup_parameters = options` to pgbouncer.ini."
            )
        if now - began > patience:
            raise CommandError(f"PostgreSQL does not answer ({trouble}). Start it, or correct DATABASE_URL.")
        if patience == inf and (said == began or now - said > SAY_AGAIN):
            said = now
            log.warning("PostgreSQL does not answer (%s); waiting for it, since %.0f s", trouble, now - began)
        time.sleep(0.5 if now - began < SAY_AGAIN else 2)  # noqa: TID251  another process at the edge
    if said != began:
        log.info("PostgreSQL answers again")


def refuse_wrong_server() -> None:
    """Raise CommandError if this PostgreSQL, or the connection to it, cannot do what Ondol needs."""
    from ondol.doctor import database  # noqa: PLC0415  after Django's set-up

    _refuse_failed(database.server())


def _refuse_failed(findings: "Iterable[Finding]") -> None:
    from ondol.doctor import messages  # noqa: PLC0415  after Django's set-up
    from ondol.doctor.findings import Level  # noqa: PLC0415

    with translation.override("en"):  # English, as everything a command says
        wrong = [messages.sentence(finding) for finding in findings if finding.level is Level.FAILED]
    if wrong:
        raise CommandError("\n".join(wrong))


def refuse_wrong_database() -> None:
    """Raise CommandError if web and worker of this version, with these keys, must not run on this database."""
    from ondol.deployment import fingerprints  # noqa: PLC0415  after Django's set-up

    refuse_wrong_server()
    _refuse_wrong_schema()
    _refuse_wrong_role()
    try:
        fingerprints.check()
    except fingerprints.OtherKeys as error:
        raise CommandError(str(error)) from None


def _refuse_wrong_role() -> None:
    from ondol.doctor import database  # noqa: PLC0415  after Django's set-up

    _refuse_failed(database.role())


def _refuse_wrong_schema() -> None:
    from ondol.deployment import schema  # noqa: PLC0415  after Django's set-up

    try:
        schema.check()
    except schema.WrongSchema as error:
        raise CommandError(str(error)) from None


def is_away() -> bool:
    """Return whether PostgreSQL does not answer."""
    return bool(_trouble())


def _trouble() -> str:
    try:
        with psycopg.connect(**read(config().database_url)):
            return ""
    except psycopg.Error as error:
        return first_line(error)


def first_line(error: BaseException) -> str:
    """Return the first line of PostgreSQL's message; the lines below are advice for its administrator."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")


def borrow_from_home() -> None:
    """Set what `ondol up` made and keeps in its home, unless the settings say otherwise."""
    home = config().home
    borrow_secrets(home)
    if _borrow("database_url", home / "database.url"):
        forget_libpq(os.environ)
        _borrow_clock(home / "clock")
    config.cache_clear()
    if not config().database_url:
        raise CommandError(f"No `ondol up` runs on {home}, and DATABASE_URL is not set. Start it, or set that.")
    config().require("secret_key", "vault_keys")


def load_without_database() -> str:
    """Load Django; return why there is no database.

    Django then gets one that does not exist: it needs one to translate.
    """
    reason = ""
    try:
        borrow_from_home()
    except (CommandError, ConfigError) as error:
        reason = str(error)
        os.environ["DATABASE_URL"] = "postgresql:///none?host=/nonexistent"
        os.environ.setdefault("ONDOL_SECRET_KEY", new_secret_key())
        os.environ.setdefault("ONDOL_VAULT_KEYS", new_vault_key())
        config.cache_clear()
    load_code()
    return reason


def borrow_secrets(home: Path) -> None:
    """Set the keys that `ondol up` made and keeps in its home, unless the settings say otherwise."""
    _borrow("secret_key", home / "secret.key")
    _borrow("vault_keys", home / "vault.keys")
    config.cache_clear()


def _borrow(field: str, file: Path) -> bool:
    """Set one setting from a file of the home. A value in `.env` takes precedence, as for `ondol up`."""
    if getattr(config(), field) or not file.exists():
        return False
    os.environ[variable(field)] = file.read_text().strip()
    return True


def _borrow_clock(file: Path) -> None:
    """Set the trial's clock, since the times of its machines are on it; the file has the form of ONDOL_CLOCK."""
    if config().cloud == "local" and not os.environ.get("ONDOL_CLOCK") and file.exists():
        os.environ["ONDOL_CLOCK"] = file.read_text().strip()


def lost_in(error: BaseException) -> str:
    """Return what PostgreSQL says if it is away, or has ended our connection; empty for anything else."""
    return next((first_line(deeper) for deeper in _causes(error) if isinstance(deeper, _LOST)), "")


def trouble_in(error: BaseException) -> str:
    """Return what PostgreSQL says if it is away or refuses us; empty for anything else, which is our own bug."""
    for deeper in _causes(error):
        if isinstance(deeper, (*_LOST, psycopg.errors.InsufficientPrivilege)):
            return first_line(deeper)
    return ""


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error of the database and its causes, each once: Django's and psycopg's errors refer to each other."""
    if not isinstance(error, (Error, psycopg.Error, ConnectorException)):
        return
    seen: list[BaseException] = []
    deeper: BaseException | None = error
    while deeper is not None and deeper not in seen:
        seen.append(deeper)
        yield deeper
        deeper = deeper.__cause__ or deeper.__context__
