"""ONDOL_HOME: one `ondol up` at a time, and the secrets it makes at the first start."""

import base64
import fcntl
import os
import secrets
from collections.abc import Callable
from pathlib import Path


class HomeError(Exception):
    """A folder that cannot be used; the text says why and what to do."""


def lock(home: Path) -> int:
    """Lock the folder for this process; the lock ends with the process. Raises HomeError if another has it."""
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(home / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise HomeError(f"ONDOL_HOME={home} cannot be used: {error.strerror}.") from None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        raise HomeError(f"Another `ondol up` runs on {home}. Stop it first, or give this one another --home.") from None
    return handle


def kept(home: Path, name: str, make: Callable[[], str]) -> str:
    """Return the text of a secret file in `home`, which is made at the first use; only its owner may read it."""
    file = home / name
    if not file.exists():
        write_private(file, make() + "\n")
    return file.read_text().strip()


def write_private(file: Path, text: str) -> None:
    """Write a file that only its owner may read, whole or not at all."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as target:
        target.write(text)
        target.flush()
        os.fsync(target.fileno())
    draft.replace(file)


def new_secret_key() -> str:
    """Return a value for ONDOL_SECRET_KEY."""
    return secrets.token_urlsafe(48)


def new_vault_key() -> str:
    """Return a value for ONDOL_VAULT_KEYS: 32 random bytes in base64url."""
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
