"""Kill any process at any moment: it carries on, with one machine and a key that logs in."""

import os
import random
import signal
import time

import pytest

from tests.journey.site import Site

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


@pytest.fixture
def fresh(tmp_path):
    site = Site(tmp_path / "home").start()
    yield site
    site.stop()


def test_the_worker_is_killed_while_it_makes_machines(fresh, tmp_path):
    chance = random.Random(7)
    people = [fresh.person(name) for name in ("ivan", "judy", "kim")]
    for person in people:
        assert person.call("POST", "/instances").status_code == 202
        time.sleep(chance.uniform(0.02, 0.5))
        for pid in fresh.children("ondol worker"):
            os.kill(pid, signal.SIGKILL)
    ids = set()
    for person in people:
        ids.add(person.wait_for("RUNNING", seconds=90)["instance_id"])
        assert person.ssh(person.key(tmp_path), "echo in") == "in\n"
    assert len(ids) == 3


def test_everything_is_killed_while_it_makes_a_machine(fresh, tmp_path):
    mallory = fresh.person("mallory")
    assert mallory.call("POST", "/instances").status_code == 202
    time.sleep(0.3)
    fresh.stop(signal.SIGKILL)
    fresh.start()
    mallory.wait_for("RUNNING", seconds=90)
    assert mallory.ssh(mallory.key(tmp_path), "echo in") == "in\n"
