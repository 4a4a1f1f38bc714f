"""`ondol up` as a process, and people who use it over HTTP and SSH."""

import contextlib
import json
import os
import queue
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from email import message_from_bytes, policy
from functools import cache
from pathlib import Path
from typing import Any

import boto3
import psycopg
import requests

from ondol.host.home import write_private
from tests.furnished import environment


def free_port() -> int:
    """Return a port that nobody has; below those from 32768 on, which Linux gives to connections meanwhile."""
    while True:
        port = random.randrange(20_000, 32_000)
        with contextlib.suppress(OSError):
            socket.create_server(("127.0.0.1", port)).close()
            return port


def until(condition: Callable[[], Any], seconds: float, what: str, every: float = 0.1) -> Any:
    """Wait for something that is bound to happen; return its value."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        # Whatever was killed refuses connections for a while, also after an old backend of PostgreSQL has answered.
        with contextlib.suppress(requests.ConnectionError, psycopg.OperationalError):
            if value := condition():
                return value
        time.sleep(every)
    raise AssertionError(f"not within {seconds:.0f} s: {what}")


@cache
def _client(service: str, environment: str) -> Any:
    told = json.loads(environment)
    return boto3.client(
        service, endpoint_url=told["AWS_ENDPOINT_URL"], region_name=told["AWS_REGION"],
        aws_access_key_id=told["AWS_ACCESS_KEY_ID"], aws_secret_access_key=told["AWS_SECRET_ACCESS_KEY"],
    )  # fmt: skip


def slowness() -> float:
    """Return how much longer things take here, for promises in seconds: runnable tasks per processor, at least 1."""
    return max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))


def alive(pids: Iterable[int]) -> list[int]:
    """Return those that still run; init may not have reaped the others."""
    running = []
    for pid in pids:
        with contextlib.suppress(OSError):
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z":
                running.append(pid)
    return running


def hear_ctrl_c() -> None:
    """Hear Ctrl-C, as at a terminal; what a script starts with `&` ignores it, and so would its children."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


class Site:
    """One `ondol up`."""

    def __init__(
        self, home: Path, *options: str, python: str = sys.executable, cwd: Path | None = None, **env: str
    ) -> None:
        self.home, self.options, self.port = home, options, free_port()
        self.cloud = home / "cloud"
        """The home of the trial cloud of its machines."""
        self.ondol, self.cwd = [python, "-m", "ondol"], cwd
        self.env = environment(home, **env)
        self._set_clock()
        self.url = f"http://127.0.0.1:{self.port}"
        self.lines: list[str] = []
        self.process: subprocess.Popen[str] | None = None
        self._reader: threading.Thread | None = None

    def _set_clock(self) -> None:
        """Let the machines' clock go on from the moment of this run, as if an `ondol up` before had left it here."""
        file = self.home / "clock"
        if (told := os.environ.get("ONDOL_CLOCK")) and not file.exists():
            write_private(file, told + "\n")

    def start(self, seconds: float = 60) -> "Site":
        """Start it, and wait until it says that it is ready."""
        self.process = subprocess.Popen(
            [*self.ondol, "up", "--port", str(self.port), *self.options],
            env=self.env, cwd=self.cwd, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            preexec_fn=hear_ctrl_c,
        )  # fmt: skip
        ready: queue.Queue[bool] = queue.Queue()
        self._reader = threading.Thread(target=self._read, args=(self.process, ready), daemon=True)
        self._reader.start()
        try:
            assert ready.get(timeout=seconds), "ondol up ended:\n" + "".join(self.lines[-60:])
        except queue.Empty:
            raise AssertionError("ondol up is not ready:\n" + "".join(self.lines[-60:])) from None
        return self

    def _read(self, process: "subprocess.Popen[str]", ready: "queue.Queue[bool]") -> None:
        assert process.stdout
        with process.stdout as output:
            for line in output:
                self.lines.append(line)
                if "Ondol is ready" in line:
                    ready.put(True)
        ready.put(False)

    def stop(self, how: signal.Signals = signal.SIGTERM, seconds: float = 30) -> int:
        """End it, and wait until it has ended."""
        assert self.process
        assert self._reader
        self.process.send_signal(how)
        code = self.process.wait(seconds)
        self._reader.join(seconds)
        return code

    def kill(self) -> None:
        """End it and every process of it as a power cut would."""
        for pid in self.processes():  # itself first: it would start the others again
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.stop(signal.SIGKILL)

    def says(self, text: str) -> None:
        """Wait until it has printed this: what it prints is read a little later than it is true."""
        until(lambda: text in "".join(self.lines), 15, f"it says `{text}`")

    def letters(self, about: str = "") -> list[Path]:
        """Return the e-mails with this text so far, oldest first; a worker writes them later than what they tell of."""
        files = sorted((self.home / "mail").glob("*"), key=lambda file: file.stat().st_mtime)
        return [file for file in files if about in text_of(file)]

    def works(self) -> None:
        """Wait until a worker has shown that it lives: pages answer before."""
        alive = "SELECT count(*) FROM procrastinate_workers WHERE last_heartbeat > now() - interval '30 s'"
        until(lambda: self.ask(alive)[0][0], 30, "a worker is at work")

    def is_healthy(self) -> bool:
        """Return whether it answers, and its database does."""
        return requests.get(f"{self.url}/healthz", timeout=5).status_code == 200

    def command(self, *words: str, text: str | None = None) -> str:
        """Return the output of `ondol …` against this site."""
        done = subprocess.run(
            [*self.ondol, *words], env=self.env, cwd=self.cwd, input=text, text=True, capture_output=True, timeout=60
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout.strip()

    def ask(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """Return the rows of a query to its database."""
        with psycopg.connect((self.home / "database.url").read_text().strip()) as connection:
            return connection.execute(query, values).fetchall()

    def aws(self, service: str) -> Any:
        """Return boto3's client of its cloud: the truth there, whatever we say of it."""
        return _client(service, (self.cloud / "environment.json").read_text())

    def processes(self) -> list[int]:
        """Return the process ids of the whole tree."""
        assert self.process
        return [self.process.pid, *self.children("")]

    def children(self, part: str) -> list[int]:
        """Return the process ids below `ondol up` whose command line has `part`."""
        assert self.process
        found = []
        for pid in _below(self.process.pid):
            with contextlib.suppress(OSError):
                line = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
                if part in line:
                    found.append(pid)
        return found

    def person(self, name: str, *, admin: bool = False) -> "Person":
        """Add somebody approved, with an API token."""
        email = f"{name}@example.org"
        self.command("user", "add", email, "--name", name.title(), "--admin" if admin else "--approved")
        scopes = ["read", "machine", *(["administrate"] if admin else [])]
        words = [word for scope in scopes for word in ("--scope", scope)]
        return Person(self, name, self.command("token", "create", email, *words).splitlines()[-1].strip())

    def people(self, *names: str, admin: bool = False) -> "list[Person]":
        """Add many people by one process: each process takes a second to begin."""
        tokens = self.command("manage", "shell", "-v", "0", "-c", _MANY.format(names=names, admin=admin)).split()
        return [Person(self, name, token) for name, token in zip(names, tokens, strict=True)]


def text_of(letter: Path) -> str:
    """Return what an e-mail says, its subject first; empty where it is only half written."""
    message = message_from_bytes(letter.read_bytes(), policy=policy.default)
    part = message.get_body(("plain",))
    return f"{message['Subject']}\n{part.get_content()}" if part else ""


_MANY = """
from ondol.accounts.people import add_user
from ondol.accounts.tokens import create_token, scopes_of
for name in {names}:
    user = add_user(f"{{name}}@example.org", name.title(), approved=True, admin={admin})
    print(create_token(user, "journey", scopes_of(user)))
"""


def _below(pid: int) -> Iterator[int]:
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in map(int, (task / "children").read_text().split()):
                yield child
                yield from _below(child)


@dataclass
class Person:
    """Somebody who uses the API and OpenSSH's client."""

    site: Site
    name: str
    token: str

    @property
    def email(self) -> str:
        return f"{self.name}@example.org"

    def call(self, method: str, path: str, **more: Any) -> requests.Response:
        """Make one API call."""
        headers = {"Authorization": f"Bearer {self.token}"}
        return requests.request(method, f"{self.site.url}/api{path}", headers=headers, timeout=20, **more)

    def page(self, path: str) -> str:
        """Return the HTML of a page."""
        answer = requests.get(self.site.url + path, timeout=20)
        answer.raise_for_status()
        return answer.text

    def machine(self) -> dict[str, Any] | None:
        """Return my machine, as the API shows it."""
        answer = self.call("GET", "/instances/status")
        if answer.status_code == 503:
            return None
        assert answer.status_code == 200, answer.text
        machine: dict[str, Any] | None = answer.json()["instance"]
        return machine

    def wait_for(self, *status: str, seconds: float = 60, every: float = 0.2) -> dict[str, Any]:
        """Wait until my machine is in one of these statuses."""
        last: list[Any] = []

        def there() -> Any:
            machine = self.machine()
            last[:] = [machine]
            return machine if machine and machine["status"] in status else None

        try:
            machine: dict[str, Any] = until(there, seconds, f"{self.name}'s machine is {' or '.join(status)}", every)
        except AssertionError as error:
            raise AssertionError(f"{error}; last seen: {last}\n" + "".join(self.site.lines[-40:])) from None
        return machine

    def create(self, seconds: float = 60) -> dict[str, Any]:
        """Ask for a machine and wait until it runs."""
        answer = self.call("POST", "/instances")
        assert answer.status_code == 202, answer.text
        return self.wait_for("RUNNING", seconds=seconds)

    def key(self, folder: Path) -> Path:
        """Save my private key as a person would; return the file."""
        answer = self.call("POST", "/instances/ssh-key")
        assert answer.status_code == 200, answer.text
        file = folder / f"{self.name}.pem"
        file.touch(0o600)
        file.write_text(answer.text)
        return file

    def ssh(self, key: Path, *words: str, options: tuple[str, ...] = (), seconds: float = 20) -> str:
        """Return what a command prints in my machine."""
        done = self.try_ssh(key, *words, options=options, seconds=seconds)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def try_ssh(
        self, key: Path, *words: str, options: tuple[str, ...] = (), seconds: float = 20, user: str = "ubuntu"
    ) -> "subprocess.CompletedProcess[str]":
        """Return the same, also if it is refused."""
        machine = self.machine()
        assert machine
        return subprocess.run(
            ["ssh", *ssh_options(key, machine), *options, f"{user}@{machine['public_ip']}", *words],
            text=True, capture_output=True, timeout=seconds, check=False,
        )  # fmt: skip


def ssh_options(key: Path, machine: dict[str, Any], port_flag: str = "-p") -> list[str]:
    """Return the options of the configuration that the connect page shows."""
    return [
        "-i", str(key), port_flag, str(machine["ssh_port"]), "-F", "none",
        "-o", "IdentitiesOnly=yes", "-o", f"HostKeyAlias=ondol-{machine['instance_id']}", "-o", "CheckHostIP=no",
        "-o", "StrictHostKeyChecking=accept-new", "-o", f"UserKnownHostsFile={key.parent / 'known_hosts'}",
        "-o", "BatchMode=yes", "-o", "ConnectTimeout=10",
    ]  # fmt: skip
