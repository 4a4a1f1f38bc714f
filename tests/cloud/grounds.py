"""The clouds on which the contract is tested: one in memory, and the trial cloud over HTTP by the production
adapter."""

import json
import os
import subprocess
import sys
import time
import uuid
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from pathlib import Path
from urllib.request import Request, urlopen

from boto3.session import Session

from ondol import clock
from ondol.cloud.aws import AwsCloud
from ondol.cloud.aws_calls import WORKER_CONFIG, Clients
from ondol.cloud.port import Cloud, Ec2Instance, Image, InstanceState, LaunchSpec, Tag
from ondol.config import Config
from ondol.testing.fake import FakeCloud
from ondol.testing.fake_world import World

MOVING = {InstanceState.PENDING, InstanceState.STOPPING, InstanceState.SHUTTING_DOWN}


@dataclass
class Person:
    """Somebody whose machine the tests make."""

    name: str
    row: str = field(default_factory=lambda: str(uuid.uuid4()))

    @property
    def resource(self) -> str:
        return f"ondol-{self.row}"

    @property
    def tags(self) -> dict[str, str]:
        return {Tag.NAME: f"ondol-{self.name}", Tag.USER_ID: "7", Tag.ROW: self.row}


class Ground(ABC):
    """A cloud, and a way to change things in it without Ondol."""

    cloud: Cloud
    neighbour: Cloud
    """The cloud of another deployment in the same account."""

    @abstractmethod
    def settle(self, row: str) -> Ec2Instance:
        """Wait until this row's machine has left its transition."""

    @abstractmethod
    def fire(self, alarm: str, instance_id: str) -> None:
        """Let this alarm find its machine idle."""

    def now(self) -> datetime:
        return clock.now()

    def order(self, person: Person, cloud: Cloud | None = None) -> LaunchSpec:
        """Return all that a launch needs, made for this person."""
        cloud = cloud or self.cloud
        group_id = cloud.create_group(person.resource, person.tags)
        key = cloud.create_key(person.resource, person.tags)
        return spec(person, cloud.newest_image(), group_id, key.name)

    def running(self, person: Person) -> Ec2Instance:
        self.cloud.launch(self.order(person), token(person))
        return self.settle(person.row)

    def stopped(self, person: Person) -> Ec2Instance:
        self.cloud.stop(self.running(person).instance_id)
        return self.settle(person.row)


def token(person: Person) -> str:
    """Return the token of this person's one launch attempt."""
    return f"token-{person.row}"


def spec(person: Person, image: Image, group_id: str, key_name: str) -> LaunchSpec:
    return LaunchSpec(image, "t3.small", 30, group_id, key_name, person.tags)


class InMemory(Ground):
    """Runs the contract on `FakeCloud`."""

    def __init__(self) -> None:
        self.world = World()
        self.cloud, self.neighbour = FakeCloud(self.world), FakeCloud(self.world, "next door")

    def settle(self, row: str) -> Ec2Instance:
        self.world.settle()
        (server,) = self.cloud.ec2_instances([row])
        return server

    def fire(self, alarm: str, instance_id: str) -> None:
        self.world.stop_by_alarm(instance_id)


@cache
def _session_and_clients(url: str, *keys: str) -> tuple[Session, Clients]:
    """Return session and clients of all tests in a trial: making them takes longer than most calls."""
    session = Session(*keys, region_name="ap-northeast-2")
    return session, Clients(session, url, WORKER_CONFIG)


class InTheTrial(Ground):
    """Runs the contract on `AwsCloud` and the trial cloud as a process."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.url = environment["AWS_ENDPOINT_URL"]
        keys = environment["AWS_ACCESS_KEY_ID"], environment["AWS_SECRET_ACCESS_KEY"]
        self.session, self.clients = _session_and_clients(self.url, *keys)
        config = Config(_env_file=None, **environment)  # type: ignore[call-arg]
        self.cloud, self.neighbour = (AwsCloud(self.session, config, str(uuid.uuid4())) for _ in range(2))
        self.cloud._client = self.neighbour._client = self.clients

    def settle(self, row: str) -> Ec2Instance:
        end = time.monotonic() + 30
        while True:
            (server,) = self.cloud.ec2_instances([row])
            if server.state not in MOVING:
                return server
            assert time.monotonic() < end, server
            time.sleep(0.1)

    def fire(self, alarm: str, instance_id: str) -> None:
        idle = {"StateValue": "ALARM", "StateReason": "as if it were idle"}
        self.clients("cloudwatch").set_alarm_state(AlarmName=alarm, **idle)

    def break_next(self, operation: str, when: str, code: str = "", status: int = 503) -> None:
        """Let one call fail: `before` or `after` its effect with a code, or `drop` its answer."""
        rule: dict[str, object] = {"operation": operation, "when": when}
        if code:
            rule |= {"code": code, "status": status}
        request = Request(f"{self.url}/_localcloud/rules", json.dumps(rule).encode(), method="POST")
        request.add_header("Content-Type", "application/json")
        with urlopen(request, timeout=5):
            pass


class Trial:
    """The process of the trial cloud."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.log = home.with_suffix(".log")
        self.clock = os.environ["ONDOL_CLOCK"]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "localcloud", "--home", str(home), "--hurry", "10", "--faults"],
                stdout=log, stderr=log,
            )  # fmt: skip

    def environment(self) -> dict[str, str]:
        """Return what it writes for its clients, once it is ready."""
        end, file = time.monotonic() + 60, self.home / "environment.json"
        while not file.exists():
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < end, self.log.read_text()
            time.sleep(0.1)
        told: dict[str, str] = json.loads(file.read_text())
        return told

    def end(self) -> None:
        self.process.terminate()
        self.process.wait(20)
