"""A trial cloud that judges every request by the policy that `ondol doctor --print-policy` prints."""

import json
from contextlib import contextmanager
from urllib.request import urlopen

import pytest

from ondol.config import Config
from ondol.doctor.policy import policy
from tests.cloud.grounds import InTheTrial, Person, Trial


class Guarded(InTheTrial):
    """The production adapter in the trial, as far as the policy lets it."""

    def __init__(self, trial):
        self.file = trial.home / "policy.json"
        self.environment = trial.environment()
        super().__init__(self.environment)
        self.read = 0
        self.config = Config(_env_file=None, **self.environment)
        self.deployment = self.cloud._deployment
        self.account_id = self.cloud.place().account_id
        self.ec2 = self.session.client("ec2", endpoint_url=self.url)

    def document(self, deployment=None):
        return json.loads(policy(self.config, self.account_id, self.deployment if deployment is None else deployment))

    def guard(self, document):
        self.file.write_text(json.dumps(document))

    @contextmanager
    def nobody_looking(self):
        """As somebody with the account's full power, such as in the console."""
        text = self.file.read_text()
        self.file.unlink()
        yield
        self.file.write_text(text)

    def fire(self, alarm, instance_id):
        with self.nobody_looking():
            super().fire(alarm, instance_id)

    def refusals(self):
        """Operations that have been denied since the last time, also where the adapter knew another way."""
        with urlopen(f"{self.url}/_localcloud/calls?since={self.read}", timeout=5) as answer:
            calls = json.load(answer)
        self.read = calls[-1]["number"] if calls else self.read
        return [call["operation"] for call in calls if call["status"] == 403]


@pytest.fixture(scope="session")
def trial(tmp_path_factory):
    trial = Trial(tmp_path_factory.mktemp("guarded") / "home")
    yield trial
    trial.end()


@pytest.fixture
def ground(trial):
    """Under the policy from the first call on."""
    ground = Guarded(trial)
    ground.guard(ground.document())
    ground.refusals()
    yield ground
    ground.file.unlink(missing_ok=True)


@pytest.fixture
def cloud(ground):
    return ground.cloud


@pytest.fixture
def alice():
    return Person("alice")


@pytest.fixture
def bob():
    return Person("bob")
