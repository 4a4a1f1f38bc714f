"""The process tree of `ondol up`: PostgreSQL, the trial cloud, worker and web, each with only the settings it needs."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from http.client import HTTPConnection, HTTPException
from typing import Any

from ondol.clock import Clock
from ondol.config import Config, unknown_in_environment
from ondol.host import environments, trial_clock
from ondol.host.children import LOG_BYTES, Child
from ondol.host.home import kept, new_secret_key, new_vault_key, write_private
from ondol.host.postgres import EmbeddedPostgres, PostgresError
from ondol.host.process import die_with_parent
from ondol.host.shell_language import READY, SIGN_IN, SIGN_IN_BY_PROVIDER, SIGN_IN_CHOSEN, in_shells_languages
from ondol.host.terminal import ERR, Terminal

TICK = 0.2
ONDOL = [sys.executable, "-m", "ondol"]
STOPS_WITHIN = {"web and worker": 15.0, "cloud": 7.0, "PostgreSQL": 5.0}
"""The seconds that the parts have to stop, in this order.

They are more than a part takes by itself, also on a busy host: a worker cuts off what still runs after 9 s, and the
cloud ends after 6 s.
"""
_WAYS = {"DATABASE_URL": "database.url", environments.OWNER: "database.owner.url"}


class TreeError(Exception):
    """A part that does not start; the text says which and why."""


class Tree:
    """All processes of `ondol up` on this host."""

    def __init__(self, settings: Config, speed: float, *, accept_keys: bool = False) -> None:
        self.settings, self.home, self.speed = settings, settings.home, speed
        self._accept_keys = accept_keys
        self.terminal = Terminal()
        self.logs = settings.home / "logs"
        self.stop_requested = False
        self.postgres: EmbeddedPostgres | None = None
        self.cloud: Child | None = None
        self.worker: Child | None = None
        self.web: Child | None = None
        self.clock: Clock | None = None
        self._clock_file = settings.home / "clock"
        self._cloud_file = settings.home / "cloud" / "environment.json"
        self._told_by_cloud: dict[str, str] | None = None
        self._postgres_log: int | None = None
        self._postgres_due = 0.0
        self._beat = 0.0

    def start(self) -> None:
        """Start all parts in their order; returns once a page answers."""
        env = self._environment()
        is_trial = self.settings.cloud == "local"
        if is_trial:
            self.clock = trial_clock.start(self._clock_file, time.time(), self.speed)
            if self.clock:
                env["ONDOL_CLOCK"] = trial_clock.text(self.clock)
                trial_clock.beat(self._clock_file, self.clock, time.time())
            self.cloud = self._start_cloud(env)
        if not self.settings.database_url:
            env |= self._start_postgres()
        self._migrate(environments.of_migrate(env), is_trial)
        if self.cloud:
            self._await(self._cloud_file.exists, self.cloud, 60)
            self._told_by_cloud = self._read_cloud_file()
            # Of the AWS settings only what pages show; the credentials are the worker's alone.
            env |= environments.of_web(self._told_by_cloud) | environments.without_proxy(env)
        self.worker = self._child("worker", [*ONDOL, "worker"], environments.of_worker(env, self._told_by_cloud))
        self.web = self._child("web", [*ONDOL, "web", "--port-is-held"], environments.of_web(env))
        self._await_page(self.web)
        self._announce(is_trial)

    def run(self) -> None:
        """Keep everything running until a signal ends it."""
        while not self.stop_requested:
            time.sleep(TICK)  # noqa: TID251  a supervisor at the edge
            self._tick()

    def stop(self) -> None:
        """Stop all parts in at most 27 s: first those that people reach, last what the others need."""
        for parts, which in (((self.web, self.worker), "web and worker"), ((self.cloud,), "cloud")):
            end = time.monotonic() + STOPS_WITHIN[which]
            for child in filter(None, parts):
                child.stop()
            for child in filter(None, parts):
                child.join(end - time.monotonic())
        try:
            if self.clock:
                trial_clock.beat(self._clock_file, self.clock, time.time())
        except OSError as error:
            self._say(f"{self._clock_file} cannot be written: {error.strerror}")
        if self.postgres:
            self.postgres.stop(STOPS_WITHIN["PostgreSQL"])
            for file in _WAYS.values():
                (self.home / file).unlink(missing_ok=True)
        self.terminal.flush()

    # --- parts -----------------------------------------------------------------------------------------------------
    def _environment(self) -> dict[str, str]:
        """Return what every part of ours inherits; secrets are made at the first start."""
        settings, unknown = self.settings, unknown_in_environment()  # `ondol up` has warned of these
        env = {name: value for name, value in os.environ.items() if name not in unknown} | {
            "ONDOL_HOME": str(self.home),
            "ONDOL_CLOUD": str(settings.cloud),
            "ONDOL_HOST": settings.host,
            "ONDOL_PORT": str(settings.port),
            "ONDOL_URL": settings.url,
            "AWS_REGION": settings.region,
            "PYTHONUNBUFFERED": "1",
        }
        env.pop("ONDOL_CLOCK", None)
        env["ONDOL_SECRET_KEY"] = settings.secret_key or kept(self.home, "secret.key", new_secret_key)
        env["ONDOL_VAULT_KEYS"] = ",".join(settings.vault_keys) or kept(self.home, "vault.keys", new_vault_key)
        if settings.database_url:
            env["DATABASE_URL"] = settings.database_url
            env[environments.OWNER] = settings.database_owner_url
        return env

    def _start_postgres(self) -> dict[str, str]:
        """Start the embedded server; return its URLs, which commands find in the home while it runs."""
        self.postgres = EmbeddedPostgres(self.home / "postgres", self._say, waiting=self._while_waiting)
        self.logs.mkdir(mode=0o700, parents=True, exist_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        self._postgres_log = os.open(self.logs / "postgres.log", flags, 0o600)
        self.postgres.start(self._postgres_log)
        ways = {"DATABASE_URL": self.postgres.application_url, environments.OWNER: self.postgres.url}
        for name, url in ways.items():
            write_private(self.home / _WAYS[name], url + "\n")
        return ways

    def _start_cloud(self, env: dict[str, str]) -> Child:
        """Start the trial cloud, which makes credentials of its own."""
        self._cloud_file.unlink(missing_ok=True)
        words = [sys.executable, "-m", "localcloud", "--home", str(self._cloud_file.parent)]
        words += ["--region", self.settings.region, "--die-with-parent"]
        return self._child("cloud", words, environments.of_cloud(env))

    def _read_cloud_file(self) -> dict[str, str]:
        found: dict[str, str] = json.loads(self._cloud_file.read_text())
        return found

    def _migrate(self, env: dict[str, str], is_trial: bool) -> None:
        words = [*ONDOL, "migrate", "--wait", "10", "--reseal"]
        if is_trial:
            words += ["--first-admin", str(self.home / "admin.txt")]
        if self._accept_keys:
            words.append("--accept-keys")
        bound: Any = partial(die_with_parent, signal.SIGTERM, os.getpid())
        done = subprocess.run(words, env=env, stderr=subprocess.PIPE, text=True, check=False, preexec_fn=bound)
        if done.returncode:
            raise TreeError(done.stderr.strip().removeprefix("ondol: ")[-800:] or "The database cannot be migrated.")

    def _child(self, name: str, words: list[str], env: dict[str, str]) -> Child:
        child = Child(name, words, env, self.logs, partial(self.terminal.tell, where=ERR))
        child.start()
        return child

    # --- watching --------------------------------------------------------------------------------------------------
    def _tick(self) -> None:
        self._keep_postgres()
        for child in (self.cloud, self.worker, self.web):
            if child:
                child.keep_running()
        self._follow_cloud()
        self._keep_time()

    def _keep_postgres(self) -> None:
        if self.postgres is None or self.postgres.is_running or time.monotonic() < self._postgres_due:
            return
        self._say("PostgreSQL has ended; starting it again")
        try:
            self.postgres.start(self._postgres_log)
        except PostgresError as error:
            self._postgres_due = time.monotonic() + 5
            self._say(f"{error} Trying again in 5 s.")

    def _follow_cloud(self) -> None:
        """Use the trial cloud's new port if it had to choose another one at a restart."""
        if self.worker is None or self._told_by_cloud is None:
            return
        try:
            told = self._read_cloud_file()
        except FileNotFoundError:  # it is being started
            return
        if told != self._told_by_cloud:
            self._told_by_cloud = told
            for child in (self.worker, self.web):
                if child:
                    child.env |= told if child is self.worker else environments.of_web(told)
                    child.stop()

    def _keep_time(self) -> None:
        if time.monotonic() - self._beat < trial_clock.HEARTBEAT:
            return
        self._beat = time.monotonic()
        try:
            if self.clock:
                trial_clock.beat(self._clock_file, self.clock, time.time())
            self._bound_postgres_log()
        except OSError as error:  # a full disk is no reason to end everything
            self._say(f"{error.filename} cannot be written: {error.strerror}")

    def _bound_postgres_log(self) -> None:
        log = self.logs / "postgres.log"
        if self._postgres_log is not None and log.stat().st_size > LOG_BYTES:
            shutil.copy2(log, log.with_suffix(".log.1"))
            os.ftruncate(self._postgres_log, 0)  # PostgreSQL appends, and keeps the file open

    def _while_waiting(self) -> None:
        """Keep the clock and hear Ctrl-C while PostgreSQL starts, which may take minutes after a hard stop."""
        self._keep_time()
        if self.stop_requested:
            raise TreeError("Stopped while starting.")

    def _await_page(self, web: Child) -> None:
        host = "127.0.0.1" if self.settings.host in {"0.0.0.0", "::"} else self.settings.host  # noqa: S104

        def answers() -> bool:
            connection = HTTPConnection(host, self.settings.port, timeout=2)  # asks no HTTP_PROXY
            try:
                connection.request("GET", "/healthz")
                return connection.getresponse().status == 200
            except (HTTPException, OSError):
                return False
            finally:
                connection.close()

        self._await(answers, web, 90)

    def _await(self, condition: Callable[[], bool], child: Child, seconds: float) -> None:
        end = time.monotonic() + seconds
        while not condition():
            self._while_waiting()
            for part in filter(None, (self.cloud, self.worker, self.web)):
                if not part.is_running:
                    raise TreeError(part.last_words())
            if time.monotonic() > end:
                raise TreeError(f"The part `{child.name}` is not ready after {seconds:.0f} s; see {self.logs}.")
            time.sleep(0.05)  # noqa: TID251  a supervisor at the edge

    # --- words -----------------------------------------------------------------------------------------------------
    def _announce(self, is_trial: bool) -> None:
        lines = in_shells_languages(READY, {"url": self.settings.url}, os.environ)
        if is_trial:
            lines += self._trial_lines()
        self.terminal.tell("\n".join(lines))

    def _trial_lines(self) -> list[str]:
        lines = ["  This is a trial: its cloud is on this computer, and costs nothing."]
        admin = self.home / "admin.txt"
        match admin.read_text().split() if admin.exists() else []:
            case [email, *_] if not self.settings.password_sign_in:
                text, words = SIGN_IN_BY_PROVIDER, {"provider": self.settings.oidc_name, "email": email}
            case [email, password]:
                text, words = SIGN_IN, {"email": email, "password": password, "file": str(admin)}
            case [email]:  # `ondol migrate` has removed the first password, which is not valid any more
                text, words = SIGN_IN_CHOSEN, {"email": email}
            case _:
                text, words = "", {}
        lines += [f"  {told}" for told in in_shells_languages(text, words, os.environ) if told]
        mail = self.settings.mail_server  # and not the URL: there may be a password in it
        lines.append(f"  E-mails {f'are files in {mail.folder}' if mail.folder else f'go to {mail.host}:{mail.port}'}.")
        who = "an unprivileged user of its own" if os.geteuid() == 0 else "you"
        lines.append(f"  Machines of the trial are processes on this computer and run as {who}.")
        if self.clock and self.speed != 1:
            lines.append(
                f"  The trial's clock runs {self.speed:g} times as fast: 30 idle minutes in {1800 / self.speed:.0f} s."
            )
        return lines

    def _say(self, text: str) -> None:
        self.terminal.tell(f"{'ondol':>8} | {text}", ERR)
