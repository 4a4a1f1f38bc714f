"""A trial cloud that judges every request by the policy that `ondol doctor --print-policy` prints."""

import json
import uuid
from contextlib import contextmanager
from urllib.request import urlopen

import pytest
from boto3.session import Session

from localcloud.iam.policy import Permission
from ondol.cloud.aws import AwsCloud
from ondol.cloud.aws_calls import WORKER_CONFIG, Clients
from ondol.cloud.price_list import AwsPriceList
from ondol.cloud.probes import Probes
from ondol.config import Config
from ondol.doctor.policy import policy
from tests.cloud.grounds import InTheTrial, Person, Trial


class Account:
    """The account of all tests here: making its clients takes longer than most calls."""

    def __init__(self, trial):
        self.environment, self.clock = trial.environment(), trial.clock
        self.policy = trial.home / "policy.json"
        keys = (self.environment["AWS_ACCESS_KEY_ID"], self.environment["AWS_SECRET_ACCESS_KEY"])
        self.session = Session(*keys, region_name="ap-northeast-2")
        self.config = Config(_env_file=None, **self.environment)
        self.price_list = AwsPriceList(self.session, self.config)
        self.clients = Clients(self.session, self.environment["AWS_ENDPOINT_URL"], WORKER_CONFIG)
        self.ec2, self.cloudwatch = self.clients("ec2"), self.clients("cloudwatch")

    def cloud(self, deployment, kind=AwsCloud):
        made = kind(self.session, self.config, deployment)
        made._client = self.clients
        return made


class Guarded(InTheTrial):
    """One deployment of the production adapter, with no more rights than its policy gives."""

    def __init__(self, account):
        self.account, self.session, self.config = account, account.session, account.config
        self.ec2, self.cloudwatch = account.ec2, account.cloudwatch
        self.url = self.config.endpoint_url
        self.deployment = str(uuid.uuid4())
        self.cloud, self.neighbour = account.cloud(self.deployment), account.cloud(str(uuid.uuid4()))
        self.probes, self.price_list = account.cloud(self.deployment, Probes), account.price_list
        self.account_id = self.cloud.account().account_id
        self.read = 0
        self.guard(self.document())
        self.denied()

    def document(self, deployment="", **settings):
        config = self.config.model_copy(update=settings)
        return json.loads(policy(config, self.account_id, deployment or self.deployment))

    def guard(self, document):
        self.account.policy.write_text(json.dumps(document))

    @contextmanager
    def noting(self):
        """Yield a list, to which the permissions are added in the end that requests have needed meanwhile."""
        file, needed = self.account.policy.with_name("needed.jsonl"), []
        file.touch()
        yield needed
        noted = [json.loads(line) for line in file.read_text().splitlines()]
        file.unlink()
        lists = [{key: tuple(values) for key, values in one["context"].items()} for one in noted]
        needed += [Permission(**one | {"context": context}) for one, context in zip(noted, lists, strict=True)]

    @contextmanager
    def nobody_looking(self):
        """Act as somebody with the account's full power, such as in the console."""
        text = self.account.policy.read_text()
        self.account.policy.unlink()
        yield
        self.account.policy.write_text(text)

    def fire(self, alarm, instance_id):
        with self.nobody_looking():
            reason = {"StateValue": "ALARM", "StateReason": "as if it were idle"}
            self.cloudwatch.set_alarm_state(AlarmName=alarm, **reason)

    def left_over(self, person):
        """Make a disk of this person's that nothing uses."""
        tags = [{"Key": key, "Value": value} for key, value in self.cloud._tags(person.tags).items()]
        made = [{"ResourceType": "volume", "Tags": tags}]
        with self.nobody_looking():
            return self.ec2.create_volume(Size=1, AvailabilityZone="ap-northeast-2a", TagSpecifications=made)[
                "VolumeId"
            ]

    def there(self):
        """Return everything in the account, with the states of machines and alarms."""
        with urlopen(f"{self.url}/_localcloud/resources", timeout=5) as answer:
            return json.load(answer)["now"]

    def denied(self):
        """Return the operations that were denied since the last call, also if the adapter knew another way."""
        with urlopen(f"{self.url}/_localcloud/calls?since={self.read}", timeout=5) as answer:
            calls = json.load(answer)
        self.read = calls[-1]["number"] if calls else self.read
        return [call["operation"] for call in calls if call["status"] == 403]


@pytest.fixture(scope="session")
def account(tmp_path_factory):
    trial = Trial(tmp_path_factory.mktemp("guarded") / "home")
    yield Account(trial)
    trial.end()


@pytest.fixture
def ground(account, machines_clock):
    """Return a ground that is under the policy from the first call on."""
    machines_clock.agree_with(account.clock)
    yield Guarded(account)
    account.policy.unlink(missing_ok=True)


@pytest.fixture
def cloud(ground):
    return ground.cloud


@pytest.fixture
def alice():
    return Person("alice")


@pytest.fixture
def bob():
    return Person("bob")
