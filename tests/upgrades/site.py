"""A site of several hosts: PostgreSQL, a trial cloud, and webs and workers of more than one version."""

import json
import subprocess
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import psycopg
import requests

from ondol.host.environments import OWNER, without_owner
from ondol.host.home import new_secret_key, new_vault_key
from ondol.host.postgres import EmbeddedPostgres
from tests.clock import anchored
from tests.furnished import HASTE, environment
from tests.journey.site import free_port, until

SPEED = 10


@dataclass(frozen=True)
class Version:
    """A checkout of Ondol, set up."""

    root: Path

    @property
    def python(self) -> str:
        return str(self.root / ".venv/bin/python")


NEW = Version(Path(__file__).absolute().parents[2])


@dataclass
class Part:
    """A web or a worker; a worker has no port."""

    kind: str
    process: subprocess.Popen[bytes]
    port: int = 0


@dataclass
class Person:
    """Somebody who may have a machine."""

    name: str
    token: str
    wish: str = ""
    """The status of her machine that she has asked for last."""


class Site:
    """`with`; everything of it ends with it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.webs: list[Part] = []
        self.workers: list[Part] = []
        self.people: list[Person] = []
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        self.log = self._stack.enter_context((self.folder / "log").open("ab"))
        server = EmbeddedPostgres(self.folder / "postgres", lambda text: None, settings=HASTE)
        server.start(self.log.fileno())
        self._stack.callback(server.stop)
        clock = anchored(SPEED)
        self.aws = self._start_cloud(clock)
        self.env = environment(self.folder / "home", ONDOL_CLOCK=clock, ONDOL_CLOUD="aws", DATABASE_URL=server.url)
        self.two_roles = {"DATABASE_URL": server.application_url, OWNER: server.url}
        self.env["ONDOL_SSH_CIDRS"] = "0.0.0.0/0"
        self.env |= (
            {"ONDOL_WORKER_METRICS_PORT": "0"}
            | self.aws
            | {"ONDOL_SECRET_KEY": new_secret_key(), "ONDOL_VAULT_KEYS": new_vault_key()}
        )
        return self

    def __exit__(self, error: type[BaseException] | None, *more: object) -> None:
        if error:
            print((self.folder / "log").read_text()[-4000:])
        for part in (*self.webs, *self.workers):
            part.process.kill()
            part.process.wait()
        self._stack.close()

    def _start_cloud(self, clock: str) -> dict[str, str]:
        home = self.folder / "cloud"
        words = [NEW.python, "-m", "localcloud", "--home", str(home), "--hurry", "10", "--die-with-parent"]
        cloud = subprocess.Popen(
            words, env=environment(self.folder, ONDOL_CLOCK=clock), stdout=subprocess.PIPE, stderr=self.log
        )
        self._stack.callback(cloud.wait)
        self._stack.callback(cloud.terminate)
        assert cloud.stdout
        assert cloud.stdout.readline().startswith(b"localcloud is ready"), (self.folder / "log").read_text()
        return json.loads((home / "environment.json").read_text())

    # --- parts -----------------------------------------------------------------------------------------------------
    def migrate(self, version: Version) -> None:
        """Bring the schema to this version."""
        self._run(version, "-m", "ondol", "migrate", **(self.two_roles if version == NEW else {}))
        print(f"the schema is that of {version.root.name}", flush=True)

    def start(self, version: Version, kind: str) -> Part:
        """Start a web or a worker, and wait until it works."""
        port = free_port()
        words = ["--port", str(port)] if kind == "web" else []
        part = Part(kind, self._popen(version, "-m", "ondol", kind, *words), port if kind == "web" else 0)
        (self.webs if kind == "web" else self.workers).append(part)
        until(lambda: _answers(port) if kind == "web" else self._works(), 60, f"the {kind} works")
        print(f"a {kind} of {version.root.name} runs", flush=True)
        return part

    def replace(self, part: Part, version: Version) -> None:
        """Stop, install, start; a proxy keeps clicks from a web that is stopped."""
        parts = self.webs if part.kind == "web" else self.workers
        parts.remove(part)
        part.process.terminate()
        assert part.process.wait(30) == 0, f"a {part.kind} ended with {part.process.returncode}"
        self.start(version, part.kind)

    def admit(self, version: Version, number: int) -> None:
        """Let so many people sign up, each with a token for the API."""
        names = [f"person{n}" for n in range(number)]
        code = "import django; django.setup(); from tests.crashes import asks; names = " + repr(names)
        code += "; asks.people(*names); print(*map(asks.token, names))"
        tokens = self._run(version, "-c", code, DJANGO_SETTINGS_MODULE="ondol.settings").split()
        self.people = [Person(name, token) for name, token in zip(names, tokens, strict=True)]

    def click(self) -> None:
        """Let one more person ask each web for a machine, and the first one whose machine runs stop it."""
        fresh = (person for person in self.people if not person.wish)
        for web, person in zip(self.webs, fresh, strict=False):
            self._post(web, "/api/instances", person)
            person.wish = "RUNNING"
        self._stop_one()

    def _stop_one(self) -> None:
        for person in (person for person in self.people if person.wish == "RUNNING"):
            if self._status(person) == "RUNNING":
                self._post(self.webs[-1], "/api/instances/stop", person)
                person.wish = "STOPPED"
                return

    def _works(self) -> bool:
        """Whether as many workers are alive as should be."""
        alive = "SELECT count(*) FROM procrastinate_workers WHERE last_heartbeat > now() - interval '5 s'"
        with psycopg.connect(self.env["DATABASE_URL"]) as connection:
            return connection.execute(alive).fetchone() == (len(self.workers),)

    # --- inside ----------------------------------------------------------------------------------------------------
    def _status(self, person: Person) -> str:
        return self._ask("GET", self.webs[0], "/api/instances/status", person).json()["instance"]["status"]

    def _post(self, web: Part, path: str, person: Person) -> None:
        answer = self._ask("POST", web, path, person)
        assert answer.status_code == 202, answer.text

    def _ask(self, method: str, web: Part, path: str, person: Person) -> requests.Response:
        headers = {"Authorization": f"Bearer {person.token}"}
        return requests.request(method, f"http://127.0.0.1:{web.port}{path}", headers=headers, timeout=20)

    def _popen(self, version: Version, *words: str) -> subprocess.Popen[bytes]:
        env = without_owner(self.env | (self.two_roles if version == NEW else {}))  # the version before has one role
        return subprocess.Popen([version.python, *words], env=env, stdout=self.log, stderr=self.log, cwd="/")

    def _run(self, version: Version, *words: str, **more: str) -> str:
        env = self.env | more
        done = subprocess.run(
            [version.python, *words], env=env, cwd=version.root, check=True, stdout=subprocess.PIPE, stderr=self.log
        )
        return done.stdout.decode()


def _answers(port: int) -> bool:
    try:
        return requests.get(f"http://127.0.0.1:{port}/healthz", timeout=5).status_code == 200
    except requests.ConnectionError:
        return False
