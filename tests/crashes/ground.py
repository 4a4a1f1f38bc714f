"""What all lives share: one PostgreSQL, one trial cloud, one nursery, and boto3 to look at AWS directly."""

import asyncio
import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import psycopg
from boto3.session import Session
from botocore.config import Config

from ondol.config import LOOPBACK
from ondol.database.roles import SUGGESTED
from ondol.host.environments import of_cloud
from ondol.host.home import new_secret_key, new_vault_key
from ondol.host.postgres import EmbeddedPostgres
from tests.clock import anchored
from tests.furnished import HASTE, furnished

REPOSITORY = Path(__file__).absolute().parents[2]
PYTHONPATH = f"{REPOSITORY}{os.pathsep}{REPOSITORY / 'localcloud/src'}"
SPEED = 10
"""Times as fast as real time: a look at all machines comes every three seconds, a terminated machine is forgotten after
six minutes. The warm-up of an alarm is still four minutes; no machine here lives that long."""
_POSTGRES = HASTE | {"max_connections": "600"}
"""PostgreSQL itself is not killed here, so nothing is lost without fsync."""
TEMPLATE = "template_of_lives"


class Ground:
    """Shared by all lives; `async with`."""

    def __init__(self, *people: str) -> None:
        self.people = people or ("alice",)
        self._numbers = itertools.count(1)
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> "Ground":
        self.folder = Path(tempfile.mkdtemp(prefix="ondol-crashes-"))
        self._stack.callback(shutil.rmtree, self.folder, ignore_errors=True)
        home = furnished(self.folder / "furnished")
        self.postgres = EmbeddedPostgres(home / "postgres", lambda text: None, settings=_POSTGRES)
        self.postgres_log = os.open(self.folder / "postgres.log", os.O_WRONLY | os.O_CREAT)
        self.postgres.start(self.postgres_log)
        self._stack.callback(self.postgres.stop)
        self.clock = anchored(SPEED)
        self.aws = self._start_cloud()
        self.environment = self._environment()
        self._start_nursery()
        await self._make_template()
        self._connect()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._stack.aclose()

    # --- processes -------------------------------------------------------------------------------------------------
    def _start_cloud(self) -> dict[str, str]:
        """What it tells its clients."""
        home = self.folder / "cloud"
        words = ["-m", "localcloud", "--home", str(home), "--hurry", "10", "--faults", "--die-with-parent"]
        env = of_cloud(dict(os.environ)) | {"PYTHONPATH": PYTHONPATH, "ONDOL_CLOCK": self.clock}
        self._start("cloud", words, env, "localcloud is ready", signal.SIGTERM)
        return json.loads((home / "environment.json").read_text())

    def _start(self, name: str, words: list[str], env: dict[str, str], ready: str, end: signal.Signals) -> None:
        """Start a program of Python and wait for its first line."""
        log = self.folder / f"{name}.log"
        with log.open("ab") as errors:
            process = subprocess.Popen(
                [sys.executable, *words], env=env, cwd="/", text=True, stdout=subprocess.PIPE, stderr=errors
            )
        assert process.stdout

        def stop() -> None:
            process.send_signal(end)
            process.wait(20)
            process.stdout.close()

        self._stack.callback(stop)
        assert process.stdout.readline().startswith(ready), log.read_text()

    def _environment(self) -> dict[str, str]:
        kept = of_cloud(dict(os.environ))
        return {
            **kept,
            **self.aws,
            "PYTHONPATH": PYTHONPATH,
            "DJANGO_SETTINGS_MODULE": "ondol.settings",
            "ONDOL_CLOUD": "aws",
            "ONDOL_SSH_CIDRS": "0.0.0.0/0",
            "ONDOL_WORKER_SSH_CIDR": LOOPBACK,
            "ONDOL_ENV_FILE": "",
            "ONDOL_HOME": str(self.folder / "home"),
            "ONDOL_CLOCK": self.clock,
            "ONDOL_SECRET_KEY": new_secret_key(),
            "ONDOL_VAULT_KEYS": new_vault_key(),
            "DATABASE_URL": self.url("postgres"),
        }

    def _start_nursery(self) -> None:
        self._socket = self.folder / "nursery"
        words = ["-m", "tests.crashes.nursery", str(self._socket)]
        self._start("nursery", words, self.environment, "ready", signal.SIGKILL)

    async def fork(self, log: Path, **wanted: Any) -> tuple[int, asyncio.StreamReader]:
        """A new process; its id, and where its answer comes."""
        reader, writer = await asyncio.open_unix_connection(self._socket, limit=2**20)
        writer.write(json.dumps({"log": str(log), **wanted}).encode() + b"\n")
        told = await reader.readline()
        assert told, f"nothing was forked: {log.read_text()[-2000:]}"
        self._stack.callback(writer.close)
        return json.loads(told)["pid"], reader

    async def ask(self, url: str, ask: str, *about: str) -> Any:
        """Return the result of a function of `asks`, on the database at `url`."""
        log = self.folder / "asks.log"
        _, reader = await self.fork(log, ask=ask, about=about, env={"DATABASE_URL": url})
        told = await reader.readline()
        assert told, log.read_text()[-2000:]
        return json.loads(told)

    # --- databases -------------------------------------------------------------------------------------------------
    @property
    def postgres_socket(self) -> Path:
        parts = urlsplit(self.postgres.url)
        query = parse_qs(parts.query)
        return Path(query["host"][0]) / f".s.PGSQL.{query['port'][0]}"

    def url(self, database: str, folder: Path | None = None, role: str = SUGGESTED) -> str:
        """Return the URL of a database here, straight or by another socket; for the application, unless told."""
        folder = folder or self.postgres_socket.parent
        port = self.postgres_socket.name.rpartition(".")[2]
        return f"postgresql:///{database}?user={role}&host={folder}&port={port}"

    async def _make_template(self) -> None:
        self._admin = await psycopg.AsyncConnection.connect(self.url("postgres", role="ondol"), autocommit=True)
        self._stack.push_async_callback(self._admin.close)
        self._one_at_a_time = asyncio.Lock()
        await self._admin.execute(f"CREATE DATABASE {TEMPLATE} TEMPLATE ondol")
        await self.ask(self.url(TEMPLATE), "people", *self.people)
        # Lives share one cloud, and each is a deployment of its own.
        async with await psycopg.AsyncConnection.connect(self.url(TEMPLATE)) as connection:
            await connection.execute("DELETE FROM instances_deployment")

    async def make_database(self) -> str:
        """Make a database with its people, ada, and nothing else in it; return its name."""
        name = f"life{next(self._numbers)}"
        async with self._one_at_a_time:
            await self._admin.execute(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}")
        return name

    async def drop_database(self, name: str) -> None:
        async with self._one_at_a_time:
            await self._admin.execute(f"DROP DATABASE {name} WITH (FORCE)")

    # --- behind the scenes -----------------------------------------------------------------------------------------
    def _connect(self) -> None:
        told = self.aws
        session = Session(told["AWS_ACCESS_KEY_ID"], told["AWS_SECRET_ACCESS_KEY"], region_name=told["AWS_REGION"])
        patient = Config(max_pool_connections=50, retries={"mode": "standard", "total_max_attempts": 8})
        self.ec2, self.cloudwatch = (
            session.client(service, endpoint_url=told["AWS_ENDPOINT_URL"], config=patient)
            for service in ("ec2", "cloudwatch")
        )
