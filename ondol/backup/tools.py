"""PostgreSQL's own tools, of the server's version: where they are, and how they get the password in secret."""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import IO, Any

from ondol.backup.archive import BackupError
from ondol.database.url import read
from ondol.host import extras, postgres
from ondol.host.process import die_with_parent

DATABASE = "--dbname=service=ondol"
"""The option with which each tool finds the database: the service that `Server` defines for it."""
_NAMES = ("pg_dump", "pg_restore", "psql")
_PLACES = ("/usr/lib/postgresql/{}/bin", "/usr/pgsql-{}/bin", "/opt/homebrew/opt/postgresql@{}/bin")
"""The folders of Debian and Ubuntu, of postgresql.org's packages for Red Hat and Fedora, and of Homebrew."""
_NOT_PASSED_ON = {"PGPASSWORD", "PGSERVICE", "PGSERVICEFILE"}


def find(major: int) -> Path:
    """Return the folder of pg_dump, pg_restore and psql of this major version. Raises BackupError."""
    for folder in _folders(major):
        if all(_major(folder / name) == major for name in _NAMES):
            return folder
    raise BackupError(
        f"The server is PostgreSQL {major}, and its tools ({', '.join(_NAMES)}) of that version are not here. Install "
        f"postgresql-client-{major} (Debian, Ubuntu) or postgresql{major} (Red Hat, Fedora), from postgresql.org where "
        "the system has another version; or put their folder into PATH."
    )


def _folders(major: int) -> Iterator[Path]:
    if extras.has_postgres():
        yield postgres.programs()
    yield from (Path(place.format(major)) for place in _PLACES)
    if found := shutil.which(_NAMES[0]):
        yield Path(found).parent


def _major(program: Path) -> int:
    """Return the major version that a program reports; 0 if it is missing or reports none."""
    with suppress(OSError, subprocess.SubprocessError, ValueError, IndexError):
        told = subprocess.run(
            [str(program), "--version"], capture_output=True, text=True, check=True, timeout=30
        ).stdout
        return int(told.split(")")[1].split()[0].partition(".")[0])
    return 0


class Server:
    """One database, as PostgreSQL's tools are told about it."""

    def __init__(self, url: str, programs: Path) -> None:
        self._known = {name: str(value) for name, value in read(url).items() if value is not None}
        self._programs = programs

    @contextmanager
    def running(self, name: str, *options: str, **pipes: Any) -> Iterator["Program"]:
        """Run one tool on it, and kill it at the end of the block. It ends when we end."""
        with _secrets(self._known) as (env, handles), tempfile.TemporaryFile() as told:
            words = [str(self._programs / name), *options]
            process = subprocess.Popen(
                words, env=_environment() | env, pass_fds=handles, stderr=told, start_new_session=True,
                preexec_fn=partial(die_with_parent, signal.SIGTERM, os.getpid()), **pipes,
            )  # fmt: skip
            try:
                yield Program(name, process, told)
            finally:
                process.kill()
                for pipe in filter(None, (process.stdin, process.stdout)):
                    with suppress(BrokenPipeError):
                        pipe.close()
                process.wait()


class Program:
    """A running tool."""

    def __init__(self, name: str, process: "subprocess.Popen[bytes]", told: IO[bytes]) -> None:
        self.process, self._name, self._told = process, name, told

    @property
    def input(self) -> IO[bytes]:
        """Return the pipe to its standard input."""
        assert self.process.stdin  # noqa: S101  whoever started it has asked for it
        return self.process.stdin

    @property
    def output(self) -> IO[bytes]:
        """Return the pipe from its standard output."""
        assert self.process.stdout  # noqa: S101  whoever started it has asked for it
        return self.process.stdout

    def succeed(self) -> None:
        """Wait for its end. Raises BackupError with what it says if it has failed."""
        if self.process.wait():
            raise BackupError(f"{self._name}: {self.complaint()}.")

    def complaint(self) -> str:
        """Return its first error. The lines below it may have data of a row."""
        self._told.seek(0)
        lines = self._told.read().decode(errors="replace").splitlines()
        errors = [line for line in lines if "error:" in line.lower() or "fatal:" in line.lower()]
        first = (errors or lines or [f"it ended with code {self.process.returncode}"])[0]
        return (first.partition("ERROR:")[2] or first.removeprefix(f"{self._name}: ")).strip().rstrip(".")


@contextmanager
def _secrets(known: Mapping[str, str]) -> Iterator[tuple[dict[str, str], Sequence[int]]]:
    """Yield an environment that refers to nameless files in memory, which have all connection parameters."""
    if any(set("\n\r\0") & set(value) for value in known.values()):
        raise BackupError(
            "DATABASE_URL has a line break in one of its parts, which PostgreSQL's tools cannot be given."
        )
    with _nameless() as passwords, _nameless() as service:
        plain = {name: value for name, value in known.items() if name != "password"}
        if password := known.get("password") or os.environ.get("PGPASSWORD"):
            plain["passfile"] = _path(passwords)
            escaped = password.replace("\\", "\\\\").replace(":", "\\:")
            os.write(passwords, f"*:*:*:*:{escaped}\n".encode())
        os.write(service, "\n".join(["[ondol]", *(f"{name}={value}" for name, value in plain.items()), ""]).encode())
        yield {"PGSERVICEFILE": _path(service)}, (passwords, service)


@contextmanager
def _nameless() -> Iterator[int]:
    """Yield a file in memory that only we can open, and programs to which we pass it."""
    handle = os.memfd_create("ondol")
    try:
        os.fchmod(handle, 0o600)  # libpq uses no passwords that others can read
        yield handle
    finally:
        os.close(handle)


def _path(handle: int) -> str:
    return f"/proc/self/fd/{handle}"


def _environment() -> dict[str, str]:
    """Return our environment without what is not PostgreSQL's: no keys, no credentials, no DATABASE_URL."""
    mine = {"PATH", "HOME", "TMPDIR"} | {name for name in os.environ if name.startswith("PG")} - _NOT_PASSED_ON
    return {name: os.environ[name] for name in mine if name in os.environ} | {"LC_ALL": "C.UTF-8"}
