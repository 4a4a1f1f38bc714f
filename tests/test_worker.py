"""Workers come and go; each job is done."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

pytestmark = [pytest.mark.slow, pytest.mark.enable_socket]


class Hosts:
    """Workers on one database of their own."""

    def __init__(self, url, log):
        self.url, self.log = url, log
        self.env = {**os.environ, "DATABASE_URL": url}
        self.workers = []

    def _run(self, *words):
        return subprocess.Popen(
            [sys.executable, "-m", "tests.worker_host", *words], env=self.env, stdout=self.log, stderr=self.log
        )

    def worker(self):
        known = self.ask("SELECT count(*) FROM procrastinate_workers")
        self.workers.append(self._run())
        self.until("SELECT count(*) > %s FROM procrastinate_workers", 20, known)
        return self.workers[-1]

    def defer(self, *jobs):
        """Enqueue each, as NAME:SECONDS:LOCK."""
        assert self._run("defer", *jobs).wait(20) == 0

    def falter(self, name):
        """Enqueue a job that enqueues another, and fails before it commits."""
        assert self._run("falter", name).wait(20) == 0

    def ask(self, query, *values):
        with psycopg.connect(self.url) as connection:
            row = connection.execute(query, values).fetchone()
            return row and row[0]

    def write(self, statement):
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(statement)

    def until(self, query, seconds, *values):
        end = time.monotonic() + seconds
        while not self.ask(query, *values):
            assert time.monotonic() < end, f"not within {seconds} s: {query}"
            time.sleep(0.05)

    def end(self):
        for worker in self.workers:
            worker.kill()
            worker.wait()


@pytest.fixture(scope="module")
def database():
    """Make one database for this file: making the tables takes a second."""
    name, admin = f"ondol_{os.getpid()}_worker", os.environ["DATABASE_URL"]
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    parts = urlsplit(admin)  # whose geturl() drops an empty host's slashes
    url = f"{parts.scheme}://{parts.netloc}/{name}?{parts.query}"
    prepare = [sys.executable, "-m", "tests.worker_host", "prepare"]
    subprocess.run(prepare, env={**os.environ, "DATABASE_URL": url}, check=True, timeout=60)
    yield url
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture
def hosts(database, tmp_path):
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("TRUNCATE ran, procrastinate_jobs, procrastinate_workers CASCADE")
    with (tmp_path / "log").open("ab") as log:
        hosts = Hosts(database, log)
        yield hosts
        hosts.end()


def test_what_a_job_enqueues_goes_with_its_transaction(hosts):
    hosts.worker()
    hosts.falter("erin")
    hosts.until("SELECT count(*) = 1 FROM procrastinate_jobs WHERE task_name = 'falter' AND status = 'failed'", 20)
    assert hosts.ask("SELECT count(*) FROM procrastinate_jobs WHERE task_name = 'nap'") == 0
    assert hosts.ask("SELECT count(*) FROM ran") == 0


def test_the_jobs_of_a_killed_worker_run_on_another_within_seconds(hosts):
    victim = hosts.worker()
    hosts.defer("alice:600:", "bob:600:bob")
    hosts.until("SELECT count(*) = 2 FROM ran", 10)
    hosts.defer("bob's twin:0:bob")  # he has clicked again while the first job runs
    hosts.worker()
    victim.kill()
    began = time.monotonic()
    hosts.until("SELECT count(*) = 2 FROM ran WHERE name = 'alice'", 13)
    hosts.until("SELECT ended FROM ran WHERE name = 'bob''s twin'", 13 - (time.monotonic() - began))
    assert hosts.ask("SELECT status::text FROM procrastinate_jobs WHERE args->>'name' = 'bob'") == "failed"
    assert hosts.ask("SELECT count(*) FROM ran WHERE name = 'bob'") == 1


def test_a_worker_that_is_told_to_stop_ends_its_jobs_and_cuts_off_what_takes_too_long(hosts):
    worker = hosts.worker()
    hosts.defer("carol:1.5:", "dan:600:")
    hosts.until("SELECT count(*) = 2 FROM ran", 10)
    worker.send_signal(signal.SIGTERM)
    began = time.monotonic()
    assert worker.wait(12) == 0
    assert 8 <= time.monotonic() - began < 11
    assert hosts.ask("SELECT ended FROM ran WHERE name = 'carol'")
    # It does not work any more, though it has not ended: another worker does its job again, as after a kill.
    assert not hosts.ask("SELECT ended FROM ran WHERE name = 'dan'")
    assert hosts.ask("SELECT status::text FROM procrastinate_jobs WHERE args->>'name' = 'dan'") == "doing"


def test_a_job_goes_on_under_the_id_of_the_request_that_caused_it(hosts):
    worker = hosts.worker()
    hosts.defer("erin:0::b7ad6b7169203331", "frank:0:")
    hosts.until("SELECT count(*) = 2 FROM ran WHERE ended", 10)
    worker.send_signal(signal.SIGTERM)
    worker.wait(12)
    lines = Path(hosts.log.name).read_text().splitlines()
    of_erin = [line for line in lines if "request_id=b7ad6b7169203331" in line]
    assert {"nap:", "ondol.job:"} <= {line.split()[3] for line in of_erin}
    assert len({line.split("job_id=")[1].split()[0] for line in of_erin}) == 1
    (of_frank,) = [line for line in lines if "nap: naps" in line and line not in of_erin]
    assert "request_id" not in of_frank


def test_an_idle_worker_stops_at_once(hosts):
    worker = hosts.worker()
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(3) == 0


def test_a_worker_with_nothing_to_do_asks_postgresql_little(hosts):
    """Heartbeats, polls and the jobs of dead workers: no statement goes before each of them to try the connection."""
    hosts.worker()
    time.sleep(3)
    asked = "SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = current_database()"
    before = hosts.ask(asked)
    time.sleep(10)
    assert (hosts.ask(asked) - before) / 10 < 8


def test_one_worker_does_twenty_jobs_at_the_same_time(hosts):
    hosts.worker()
    hosts.defer(*(f"job{number}:4:" for number in range(20)))
    hosts.until("SELECT count(*) = 20 FROM ran WHERE NOT ended", 10)


ROW = "INSERT INTO procrastinate_jobs (queue_name, task_name, lock, args, status, scheduled_at, worker_id)"
HELD_UP = {
    "one that waits for ever with its lock": f"{ROW} VALUES ('any', 'nap', 'bob', '{{}}', 'todo', 'infinity', null)",
    "one that nobody does": f"{ROW} VALUES ('any', 'nap', 'bob', '{{}}', 'doing', null, null)",
    "one that the worker is said to do": f"{ROW} SELECT 'any', 'nap', 'bob', '{{}}', 'doing', null, max(id)"
    " FROM procrastinate_workers",
    "one on a worker that lives for ever": "WITH one AS (INSERT INTO procrastinate_workers (last_heartbeat)"
    f" VALUES ('infinity') RETURNING id) {ROW} SELECT 'any', 'nap', 'bob', '{{}}', 'doing', null, id FROM one",
}  # fmt: skip


@pytest.mark.parametrize("what", HELD_UP)
def test_no_row_of_a_job_holds_up_another_for_long(hosts, what):
    """Mallory has written it, who can write rows of jobs and nothing else."""
    hosts.worker()
    hosts.write(HELD_UP[what])
    hosts.defer("alice:0:bob")
    hosts.until("SELECT ended FROM ran WHERE name = 'alice'", 40)


def test_what_mallory_puts_off_for_ever_is_done_when_it_is_due_and_what_is_to_be_enqueued_is(hosts):
    hosts.write(
        "INSERT INTO procrastinate_jobs (queue_name, task_name, queueing_lock, args, scheduled_at)"
        " VALUES ('any', 'nap', 'bob', '{\"name\": \"bob\", \"seconds\": 0}', 'infinity')"
    )
    hosts.write(
        "INSERT INTO procrastinate_periodic_defers (task_name, periodic_id, defer_timestamp)"
        " SELECT 'tick', '', at FROM generate_series(extract(epoch FROM now())::bigint, 4000000000, 100000000) at"
    )
    hosts.worker()
    hosts.until("SELECT ended FROM ran WHERE name = 'bob'", 20)
    hosts.until("SELECT count(*) = 0 FROM procrastinate_periodic_defers WHERE defer_timestamp > 3000000000", 20)


def test_whoever_may_only_connect_does_not_end_a_worker_by_what_they_say(hosts):
    worker = hosts.worker()
    for said in ("garbage", "[]", "{}", '{"type": 1}', '{"type": "abort_job_requested"}'):
        hosts.write(f"SELECT pg_notify('procrastinate_any_queue_v1', '{said}')")
    hosts.defer("alice:0:")
    hosts.until("SELECT ended FROM ran WHERE name = 'alice'", 10)
    time.sleep(2)
    assert worker.poll() is None
    assert Path(hosts.log.name).read_text().count("a notification is none of ours") >= 3
