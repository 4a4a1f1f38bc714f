"""`ondol up`: one process tree, whatever is killed."""

import contextlib
import os
import signal
import time
from pathlib import Path

import psycopg
import pytest

from tests.commands.test_main import ondol
from tests.journey.site import Site, free_port, until

pytestmark = [pytest.mark.slow, pytest.mark.enable_socket, pytest.mark.timeout(180)]
PARTS = {"PostgreSQL": "bin/postgres", "trial cloud": "-m localcloud", "worker": "ondol worker", "web": "granian"}


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    site = Site(tmp_path_factory.mktemp("up") / "집 home", "--speed", "60").start()
    yield site
    site.stop()


def everything(site):
    """Process ids of the whole tree."""
    return [site.process.pid, *site.children("")]


def left(pids):
    """Those of them that still run."""
    running = []
    for pid in pids:
        with contextlib.suppress(OSError):
            if "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text():
                running.append(pid)
    return running


def environment_of(pid):
    pairs = Path(f"/proc/{pid}/environ").read_bytes().decode().split("\0")
    return dict(pair.split("=", 1) for pair in pairs if pair)


def test_it_says_who_may_sign_in_and_that_it_is_a_trial(site):
    told = "".join(site.lines)
    assert f"Ondol is ready: {site.url}\n" in told
    email, password = (site.home / "admin.txt").read_text().split()
    assert f"Sign in as {email} with the password {password}" in told
    assert "runs 60 times as fast: 30 idle minutes in 30 s" in told


def test_only_the_worker_holds_credentials_and_only_our_parts_hold_secrets(site):
    holders, knowing = set(), set()
    for part, words in PARTS.items():
        for pid in site.children(words):
            env = environment_of(pid)
            holders |= {part} if "AWS_SECRET_ACCESS_KEY" in env else set()
            knowing |= {part} if {"ONDOL_SECRET_KEY", "ONDOL_VAULT_KEYS", "DATABASE_URL"} & set(env) else set()
    assert holders == {"worker"}
    assert knowing == {"worker", "web"}


def test_logs_and_secrets_are_for_their_owner_alone(site):
    for file in [*site.home.glob("logs/*"), *site.home.glob("*.key*"), site.home / "database.url"]:
        assert file.stat().st_mode & 0o077 == 0, file


@pytest.mark.parametrize("port", ["free", "taken"])
def test_a_second_one_on_the_same_home_is_refused(site, port):
    done = ondol("up", "--port", str(site.port if port == "taken" else free_port()), home=site.home)
    assert done.returncode == 1
    assert f"Another `ondol up` runs on {site.home}" in done.stderr


def test_a_port_that_is_taken_is_said_before_anything_starts(site, tmp_path):
    done = ondol("up", "--port", str(site.port), home=tmp_path)
    assert done.returncode == 1
    assert "Address already in use. Choose another --host or --port." in done.stderr
    assert not (tmp_path / "postgres").exists()


# A worker that was just asking PostgreSQL when it went could stay for ever, with a heartbeat and without jobs.
@pytest.mark.parametrize(("part", "time_"), [*((part, 1) for part in PARTS), ("PostgreSQL", 2), ("PostgreSQL", 3)])
def test_a_killed_part_is_back_within_seconds(site, part, time_):
    before, killed = site.children(PARTS[part]), time.time()
    for pid in before:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    until(lambda: site.children(PARTS[part]) and site.is_healthy(), 15, f"{part} is back")
    assert not set(site.children(PARTS[part])) & set(before)
    looked = "SELECT max(defer_timestamp) FROM procrastinate_periodic_defers"
    until(lambda: asked(site, looked) > killed + 1, 15, "the looks go on")


def asked(site, query):
    with psycopg.connect((site.home / "database.url").read_text().strip()) as connection:
        return connection.execute(query).fetchone()[0]


def test_the_supervisor_is_killed_and_nothing_stays_and_the_next_carries_on(site):
    pids, key = everything(site), (site.home / "secret.key").read_text()
    yuna = site.person("yuna")
    shown = asked(site, "SELECT extract(epoch FROM now())")
    site.stop(signal.SIGKILL)
    until(lambda: not left(pids), 10, "all have gone")
    site.start()
    assert yuna.call("GET", "/instances/status").status_code == 200
    assert (site.home / "secret.key").read_text() == key
    assert asked(site, "SELECT extract(epoch FROM now())") > shown


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_within_seconds_and_cleanly(site, how):
    pids = everything(site)
    began = time.monotonic()
    assert site.stop(how) == 0
    assert time.monotonic() - began < 8
    assert not left(pids)
    assert not (site.home / "postgres/data/postmaster.pid").exists()
    assert "and is killed" not in "".join(site.lines)
    began = time.monotonic()
    site.start()
    assert time.monotonic() - began < 10, "a warm start"
