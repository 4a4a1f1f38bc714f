"""The parts alone, as on several hosts: two webs, two workers, one PostgreSQL, and nothing of `ondol up`."""

import json
import os
import signal
import subprocess

import psycopg
import pytest

from ondol.host.home import new_secret_key, new_vault_key
from tests.journey.site import ONDOL, Person, Site, environment, until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


@pytest.fixture
def hosts(tmp_path):
    """Run processes by name; they share their settings and nothing else."""
    database = f"ondol_{os.getpid()}_hosts"
    admin = os.environ["DATABASE_URL"]
    head, _, query = admin.partition("?")
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{database}"')
    shared = {
        "DATABASE_URL": f"{head.rpartition('/')[0]}/{database}?{query}",
        "ONDOL_SECRET_KEY": new_secret_key(), "ONDOL_VAULT_KEYS": new_vault_key(),
        "ONDOL_CLOCK": os.environ["ONDOL_CLOCK"],
    }  # fmt: skip
    running: dict[str, subprocess.Popen[bytes]] = {}

    def run(name: str, *words: str, **env: str) -> "subprocess.Popen[bytes]":
        whole = environment(tmp_path / name, **shared, **env)
        with (tmp_path / f"{name}.log").open("ab") as output:
            running[name] = subprocess.Popen([*ONDOL, *words], env=whole, cwd=tmp_path, stdout=output, stderr=output)
        return running[name]

    yield run, shared, running
    for process in running.values():
        process.send_signal(signal.SIGTERM)
    for process in running.values():
        process.wait(20)
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE "{database}" WITH (FORCE)')


def test_two_webs_and_two_workers_do_one_job(hosts, tmp_path):
    run, shared, running = hosts
    run("cloud", "localcloud")
    cloud = tmp_path / "cloud/cloud/environment.json"
    assert run("migrate", "migrate").wait(60) == 0
    until(cloud.exists, 60, "the trial cloud is ready")
    aws = json.loads(cloud.read_text())
    for name in ("worker1", "worker2"):
        run(name, "worker", **aws)
    sites = []
    for name in ("web1", "web2"):
        site = Site(tmp_path / name, **shared)
        run(name, "web", "--port", str(site.port), ONDOL_SSH_PORT=aws["ONDOL_SSH_PORT"])
        sites.append(site)
    for site in sites:
        until(lambda site=site: site.is_healthy(), 60, "both webs answer")
    alice = sites[0].person("alice")
    at_the_other = Person(sites[1], "alice", alice.token)
    assert alice.call("POST", "/instances").status_code == 202
    machine = at_the_other.wait_for("RUNNING")
    assert alice.ssh(at_the_other.key(tmp_path), "echo in") == "in\n"
    running["worker1"].kill()
    assert at_the_other.call("POST", "/instances/stop").status_code == 202
    alice.wait_for("STOPPED")
    assert alice.call("POST", "/instances/start").status_code == 202
    assert at_the_other.wait_for("RUNNING")["instance_id"] == machine["instance_id"]
