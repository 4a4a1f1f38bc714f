"""The file of a backup: a zip with the output of `pg_dump` and a manifest. A truncated one lacks its end.

It gets its name only once it is complete, and only its owner can read it.
"""

import fcntl
import json
import os
import secrets
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Annotated

from pydantic import Field, TypeAdapter

FORMAT = 1
_DUMP, _MANIFEST = "database.dump", "ondol-backup.json"
_CHUNK = 1 << 20
_MANIFEST_BYTES = 10_000_000


class BackupError(Exception):
    """A backup or restore that is not possible; the text says why, and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a backup contains, and which keys open it."""

    format: int = FORMAT
    ondol: str
    """The version of Ondol that has made it."""
    made_at: str
    postgresql: Annotated[int, Field(ge=90_000)]
    """The server's version number: 150018 for 15.18."""
    schema: Annotated[str, Field(pattern=r"^[^\x00-\x1f\"]+$")]
    deployment: str
    machines: int
    """The number of machines that are not terminated."""
    vault_keys: Mapping[str, int]
    """The number of secrets sealed with each key of ONDOL_VAULT_KEYS, by the key's id."""
    signing_key: str = ""
    """The fingerprint of ONDOL_SECRET_KEY; empty if the database does not keep it yet."""
    migrations: tuple[str, ...] = ()
    audit_head: str = ""
    """The head of the record, as `ondol audit verify --head` takes it; empty if there is none."""

    def to_json(self) -> str:
        """Return the JSON for the file."""
        return json.dumps(asdict(self), indent=1, default=dict)

    @classmethod
    def from_json(cls, text: bytes) -> "Manifest":
        """Return the manifest of a file. Raises ValueError, KeyError or TypeError for anything else."""
        data = json.loads(text)
        if data["format"] > FORMAT:
            raise BackupError(f"Ondol {data['ondol']} made it, in a newer format than this version reads.")
        return TypeAdapter(cls).validate_json(text, strict=True)

    @property
    def major(self) -> int:
        """Return the major version of PostgreSQL."""
        return self.postgresql // 10_000


class Draft:
    """A backup that is being written."""

    def __init__(self, container: zipfile.ZipFile) -> None:
        self._container = container

    def dump(self) -> IO[bytes]:
        """Open the part that `pg_dump` fills."""
        return self._container.open(_DUMP, "w", force_zip64=True)

    def finish(self, manifest: Manifest) -> None:
        """Write the manifest, which completes the backup."""
        self._container.writestr(_MANIFEST, manifest.to_json())


@contextmanager
def writing(file: Path) -> Iterator[Draft]:
    """Write a backup beside `file`, and give it that name if nothing was raised. Raises BackupError and OSError."""
    if file.exists() and not file.is_file():
        raise BackupError(f"{file} is not a regular file. Give the backup a name of its own.")
    _forget_halves(file)
    half = file.with_name(f".{file.name}.{secrets.token_hex(4)}.part")
    handle = os.open(half, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(handle, "w+b") as target:
            fcntl.flock(target, fcntl.LOCK_EX)
            os.fchmod(target.fileno(), 0o600)
            with zipfile.ZipFile(target, "w") as container:
                yield Draft(container)
            target.flush()
            os.fsync(target.fileno())
            half.replace(file)
        _sync(file.parent)
    except BaseException:
        half.unlink(missing_ok=True)
        raise


def _forget_halves(file: Path) -> None:
    """Remove leftovers of killed backups to this name; one that is being written is locked."""
    for half in file.parent.glob(f".{_literal(file.name)}.????????.part"):
        with suppress(OSError), half.open("rb") as left:
            fcntl.flock(left, fcntl.LOCK_EX | fcntl.LOCK_NB)
            half.unlink()


def _literal(name: str) -> str:
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in name)


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


class Backup:
    """A complete backup."""

    def __init__(self, container: zipfile.ZipFile, manifest: Manifest) -> None:
        self._container, self.manifest = container, manifest

    def copy_dump(self, to: IO[bytes]) -> None:
        """Copy the output of `pg_dump`. Raises BackupError if the file has been changed or truncated."""
        try:
            with self._container.open(_DUMP) as dump:
                while chunk := dump.read(_CHUNK):
                    to.write(chunk)
        except (zipfile.BadZipFile, EOFError, zlib.error):
            raise BackupError("The backup was changed or cut off while it was read.") from None


@contextmanager
def reading(file: Path) -> Iterator[Backup]:
    """Open a backup after reading every byte of it to check it. Raises BackupError and OSError."""
    if not file.is_file():
        raise BackupError(f"{file}: there is no such file.")
    try:
        container = zipfile.ZipFile(file)
    except zipfile.BadZipFile:
        raise BackupError(_why_not(file)) from None
    with container:
        try:
            if container.getinfo(_MANIFEST).file_size > _MANIFEST_BYTES:
                raise ValueError
            container.getinfo(_DUMP)
            manifest = Manifest.from_json(container.read(_MANIFEST))
            broken = container.testzip()
        except BackupError as error:
            raise BackupError(f"{file} cannot be restored. {error}") from None
        except (
            ValueError,
            KeyError,
            TypeError,
            AttributeError,
            EOFError,
            NotImplementedError,
            RuntimeError,
            zlib.error,
        ):
            raise BackupError(f"{file} is no backup of Ondol.") from None
        except zipfile.BadZipFile:
            broken = _DUMP
        if broken:
            raise BackupError(f"{file} is damaged: what was written is not what it has. Use another backup.")
        yield Backup(container, manifest)


def _why_not(file: Path) -> str:
    with file.open("rb") as source:
        start = source.read(5)
    if start.startswith(b"PK\x03\x04"):
        return f"{file} was cut off: its end is missing. Use another backup, or copy it again."
    if start == b"PGDMP":
        return f"{file} is a dump of pg_dump, and no backup of Ondol: `pg_restore` reads it."
    return f"{file} is no backup of Ondol."
