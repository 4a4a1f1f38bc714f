"""Kill everything while AWS is called: it carries on, with one of each thing and a key that logs in.

AWS is a trial cloud of its own here, which survives as Amazon does, with a ledger of its calls; `ondol up` calls it
through a gate that holds a call back before or after it took effect. Every call is held at once, so that one kill meets
them all. Kills of the worker alone, at every call, are in `tests/crashes`.
"""

import json
import subprocess

import pytest
import requests

from tests.furnished import ONDOL, environment, furnished
from tests.journey.aws import ONE_OF_EACH, count, sealed_keys, things_of
from tests.journey.gate import Gate
from tests.journey.site import Person, Site, until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

MOMENTS = [
    (operation, when)
    for operation in ("CreateSecurityGroup", "CreateKeyPair", "RunInstances", "PutMetricAlarm")
    for when in ("before", "after")
]


@pytest.fixture(scope="module")
def amazon(tmp_path_factory):
    """Return the home of a trial cloud that nobody kills."""
    folder = tmp_path_factory.mktemp("amazon")
    words = [*ONDOL, "localcloud", "--", "--home", str(folder / "cloud"), "--faults", "--die-with-parent"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(words, env=environment(folder), stdout=log, stderr=log)
    until((folder / "cloud/environment.json").exists, 30, "the cloud is ready")
    yield folder / "cloud"
    process.terminate()
    process.wait(10)


@pytest.fixture(scope="module")
def told(amazon):
    return json.loads((amazon / "environment.json").read_text())


@pytest.fixture(scope="module")
def gate(told):
    gate = Gate(told["AWS_ENDPOINT_URL"])
    yield gate
    gate.close()


@pytest.fixture(scope="module")
def site(amazon, told, gate, tmp_path_factory):
    env = told | {"ONDOL_CLOUD": "aws", "ONDOL_SSH_CIDRS": "0.0.0.0/0", "AWS_ENDPOINT_URL": gate.url}
    site = Site(furnished(tmp_path_factory.mktemp("crashes") / "home"), **env)
    site.cloud = amazon
    yield site.start()
    site.stop()


@pytest.fixture(scope="module")
def survivors(site, gate, told):
    """Return by moment: somebody who asked for a machine, and whose worker was killed just then, with all else."""
    names = [f"judy{number}" for number in range(len(MOMENTS))]
    people = dict(zip(MOMENTS, site.people(*names), strict=True))
    held = [gate.hold(*moment, text=f"ondol-{person.name}") for moment, person in people.items()]
    rows = {moment: ask_for_a_machine(person) for moment, person in people.items()}
    for hold in held:
        hold.wait()
    for (operation, when), row in rows.items():
        assert statuses(told, operation, row) == ([] if when == "before" else [200]), f"{when} {operation}"
    site.kill()
    site.start()  # at once
    gate.drop()
    return people


def ask_for_a_machine(person: Person) -> str:
    """Return the id of its row."""
    answer = person.call("POST", "/instances")
    assert answer.status_code == 202
    return str(answer.json()["instance"]["id"])


def statuses(told: dict[str, str], operation: str, row: str) -> list[int]:
    """Return the statuses of the calls about this row, as AWS's ledger has them."""
    calls = requests.get(f"{told['AWS_ENDPOINT_URL']}/_localcloud/calls", timeout=10).json()
    return [call["status"] for call in calls if call["operation"] == operation and row in call["request"]]


@pytest.mark.parametrize("moment", MOMENTS, ids=lambda moment: f"{moment[1]} {moment[0]}")
def test_killed_while_it_makes_a_machine_it_carries_on(survivors, moment, tmp_path):
    person: Person = survivors[moment]
    machine = person.wait_for("RUNNING", seconds=60)
    things = things_of(person)
    assert count(things) == ONE_OF_EACH
    assert things["instance"][0]["InstanceId"] == machine["instance_id"]
    assert things["instance"][0]["KeyName"] == things["key pair"][0]["KeyName"] == sealed_keys(person)[0]
    assert person.ssh(person.key(tmp_path), "echo in") == "in\n"
