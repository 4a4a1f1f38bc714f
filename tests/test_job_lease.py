"""A worker that was frozen while another did its job comes back, and saves nothing."""

import os
import signal
import subprocess
from urllib.parse import urlsplit

import psycopg
import pytest

from tests.furnished import ONDOL, environment
from tests.journey.site import until

pytestmark = [pytest.mark.slow, pytest.mark.enable_socket]
NOWHERE = {
    "AWS_VPC_ID": "vpc-0123456789abcdef0", "AWS_SUBNET_ID": "subnet-0123456789abcdef0",
    "ONDOL_SSH_CIDRS": "203.0.113.0/24",
    "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
}  # fmt: skip


@pytest.fixture
def database():
    name, admin = f"ondol_{os.getpid()}_job_lease", os.environ["DATABASE_URL"]
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    parts = urlsplit(admin)  # whose geturl() drops an empty host's slashes
    yield f"{parts.scheme}://{parts.netloc}/{name}?{parts.query}"
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture
def ondol(database, tmp_path):
    """Start `ondol …` on that database; what still runs at the end is killed."""
    kept = {name: os.environ[name] for name in ("ONDOL_SECRET_KEY", "ONDOL_VAULT_KEYS", "ONDOL_CLOCK", "PYTHONPATH")}
    settings = {"DATABASE_URL": database, "DJANGO_SETTINGS_MODULE": "tests.job_lease_settings"}
    env, started = environment(tmp_path / "home", **kept, **settings, **NOWHERE), []

    def start(*words):
        with (tmp_path / "log").open("ab") as log:
            started.append(subprocess.Popen([*ONDOL, *words], env=env, stdout=log, stderr=log))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


def test_a_frozen_worker_saves_nothing_once_another_has_done_its_job(ondol, database):
    assert ondol("migrate").wait(60) == 0
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("CREATE TABLE noted (name text, what text, pid int)")

        def pids_that(what):
            return [pid for (pid,) in connection.execute("SELECT pid FROM noted WHERE what = %s", [what])]

        defer = "from tests.job_lease_tasks import ask; ask.configure(lock='jiho').defer(name='jiho')"
        frozen = ondol("worker")
        deferring = ondol("manage", "shell", "-v", "0", "-c", defer)
        assert until(lambda: pids_that("began"), 60, "the job has begun") == [frozen.pid]
        frozen.send_signal(signal.SIGSTOP)
        assert deferring.wait(60) == 0
        other = ondol("worker")
        assert until(lambda: pids_that("saved"), 30, "another worker has done the job") == [other.pid]
        frozen.send_signal(signal.SIGCONT)
        assert until(lambda: pids_that("lost"), 10, "the frozen one is told") == [frozen.pid]
        assert pids_that("saved") == [other.pid]
        job = "SELECT count(*) FROM procrastinate_jobs WHERE task_name = 'ask'"
        assert connection.execute(job).fetchone() == (0,)  # done, and so deleted
    for worker in (frozen, other):
        worker.send_signal(signal.SIGTERM)
        worker.wait(12)
