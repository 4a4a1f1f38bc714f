"""The process tree of `ondol up`: PostgreSQL, the trial cloud, worker and web, each with no more than it needs."""

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable

from ondol.clock import Clock
from ondol.config import Config
from ondol.host import trial_clock
from ondol.host.children import Child
from ondol.host.home import kept, new_secret_key, new_vault_key, write_private
from ondol.host.postgres import EmbeddedPostgres

TICK = 0.2
_CREDENTIALS = (
    "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_CONFIG_FILE",
    "AWS_SHARED_CREDENTIALS_FILE", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ROLE_ARN",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI",
)  # fmt: skip
_SECRETS = ("ONDOL_SECRET_KEY", "ONDOL_VAULT_KEYS", "DATABASE_URL", "ONDOL_EMAIL_URL")
ONDOL = [sys.executable, "-m", "ondol"]


class TreeError(Exception):
    """A part does not start; the text says which and why."""


class Tree:
    """Everything on this host."""

    def __init__(self, settings: Config, speed: float) -> None:
        self.settings, self.home, self.speed = settings, settings.home, speed
        self.logs = settings.home / "logs"
        self.stop_requested = False
        self.postgres: EmbeddedPostgres | None = None
        self.children: list[Child] = []
        self.clock: Clock | None = None
        self._clock_file = settings.home / "clock"
        self._postgres_log: int | None = None
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
        cloud = self._start_cloud(env) if is_trial else None
        if not self.settings.database_url:
            env["DATABASE_URL"] = self._start_postgres()
            write_private(self.home / "database.url", env["DATABASE_URL"] + "\n")
        self._migrate(env, is_trial)
        if cloud:
            env |= self._await_cloud(cloud)
        web_env = {name: value for name, value in env.items() if name not in _CREDENTIALS}
        self._start_child("worker", [*ONDOL, "worker"], env)
        web = self._start_child("web", [*ONDOL, "web"], web_env)
        self._await_page(web)
        self._announce(is_trial)

    def run(self) -> None:
        """Keep everything running until told to stop."""
        while not self.stop_requested:
            time.sleep(TICK)  # noqa: TID251  a supervisor at the edge
            self._tick()

    def stop(self) -> None:
        """Stop all parts: web and worker first, then what they need."""
        first = [child for child in self.children if child.name != "cloud"]
        last = [child for child in self.children if child.name == "cloud"]
        for group in (first, last):
            for child in group:
                child.stop()
            for child in group:
                child.join(12)
        if self.clock:
            trial_clock.beat(self._clock_file, self.clock, time.time())
        if self.postgres:
            self.postgres.stop()
            (self.home / "database.url").unlink(missing_ok=True)

    # --- parts -----------------------------------------------------------------------------------------------------
    def _environment(self) -> dict[str, str]:
        """What every part of ours inherits; secrets are made at the first start."""
        settings = self.settings
        env = dict(os.environ) | {
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
        return env

    def _start_postgres(self) -> str:
        self.postgres = EmbeddedPostgres(self.home / "postgres", self._say)
        self.logs.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = self.logs / "postgres.log"
        if file.exists() and file.stat().st_size > 5_000_000:
            file.replace(file.with_suffix(".log.1"))
        self._postgres_log = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self.postgres.start(self._postgres_log)
        return self.postgres.url

    def _start_cloud(self, env: dict[str, str]) -> Child:
        """It gets none of our secrets, and no credentials: it makes its own."""
        bare = {name: value for name, value in env.items() if name not in (*_CREDENTIALS, *_SECRETS)}
        (self.home / "cloud" / "environment.json").unlink(missing_ok=True)
        words = [sys.executable, "-m", "localcloud", "--home", str(self.home / "cloud")]
        return self._start_child("cloud", [*words, "--region", self.settings.region, "--die-with-parent"], bare)

    def _await_cloud(self, cloud: Child) -> dict[str, str]:
        file = self.home / "cloud" / "environment.json"
        self._await(file.exists, cloud, 60)
        found: dict[str, str] = json.loads(file.read_text())
        return found

    def _migrate(self, env: dict[str, str], is_trial: bool) -> None:
        words = [*ONDOL, "migrate"]
        if is_trial:
            words += ["--first-admin", str(self.home / "admin.txt")]
        done = subprocess.run(words, env=env, capture_output=True, text=True, check=False)
        if done.returncode:
            raise TreeError(done.stderr.strip().removeprefix("ondol: ")[-800:] or "The database cannot be migrated.")

    def _start_child(self, name: str, words: list[str], env: dict[str, str]) -> Child:
        child = Child(name, words, env, self.logs)
        child.start()
        self.children.append(child)
        return child

    # --- watching --------------------------------------------------------------------------------------------------
    def _tick(self) -> None:
        if self.postgres and self.postgres.process and self.postgres.process.poll() is not None:
            self._say("PostgreSQL has ended; starting it again")
            self.postgres.start(self._postgres_log)
        for child in self.children:
            child.keep_running()
        if self.clock and time.monotonic() - self._beat > trial_clock.HEARTBEAT:
            self._beat = time.monotonic()
            trial_clock.beat(self._clock_file, self.clock, time.time())

    def _await_page(self, web: Child) -> None:
        host = "127.0.0.1" if self.settings.host in {"0.0.0.0", "::"} else self.settings.host  # noqa: S104
        address = f"http://{host}:{self.settings.port}/healthz"

        def answers() -> bool:
            try:
                with urllib.request.urlopen(address, timeout=2) as answer:
                    return bool(answer.status == 200)
            except (urllib.error.URLError, OSError):
                return False

        self._await(answers, web, 90)

    def _await(self, condition: Callable[[], bool], child: Child, seconds: float) -> None:
        end = time.monotonic() + seconds
        while not condition():
            if self.stop_requested:
                raise TreeError("Stopped while starting.")
            if not child.is_running:
                raise TreeError(f"The part `{child.name}` ended at its start; see {self.logs / child.name}.log.")
            if time.monotonic() > end:
                raise TreeError(f"The part `{child.name}` is not ready after {seconds:.0f} s; see {self.logs}.")
            time.sleep(0.05)  # noqa: TID251  a supervisor at the edge

    # --- words -----------------------------------------------------------------------------------------------------
    def _announce(self, is_trial: bool) -> None:
        lines = [f"Ondol is ready: {self.settings.url}"]
        if is_trial:
            lines += self._trial_lines()
        print("\n".join(lines), flush=True)

    def _trial_lines(self) -> list[str]:
        lines = ["  This is a trial: its cloud is on this computer, and costs nothing."]
        admin = self.home / "admin.txt"
        if admin.exists():
            email, password = admin.read_text().split()
            lines.append(f"  Sign in as {email} with the password {password} (kept in {admin}).")
        mail = self.settings.email_url or str(self.home / "mail")
        lines.append(f"  E-mails are written to {mail}.")
        who = "an unprivileged user of its own" if os.geteuid() == 0 else "you"
        lines.append(f"  Machines of the trial are processes on this computer and run as {who}.")
        if self.clock and self.speed != 1:
            lines.append(
                f"  The trial's clock runs {self.speed:g} times as fast: 30 idle minutes in {1800 / self.speed:.0f} s."
            )
        return lines

    def _say(self, text: str) -> None:
        print(f"{'ondol':>8} | {text}", flush=True)
