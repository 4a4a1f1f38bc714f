"""The clouds on which the contract is tested."""

import pytest

from tests.cloud.grounds import InMemory, InTheTrial, Person, Trial
from tests.cloud.script import Script


@pytest.fixture(scope="session")
def trial(tmp_path_factory):
    """Run one trial cloud for all of them; each test is a deployment of its own."""
    trial = Trial(tmp_path_factory.mktemp("trial") / "home")
    yield trial
    trial.end()


@pytest.fixture(params=["memory", pytest.param("trial", marks=pytest.mark.slow)])
def ground(request, machines_clock):
    if request.param == "memory":
        return InMemory()
    trial = request.getfixturevalue("trial")
    machines_clock.agree_with(trial.clock)
    return InTheTrial(trial.environment())


@pytest.fixture
def cloud(ground):
    return ground.cloud


@pytest.fixture
def alice():
    return Person("alice")


@pytest.fixture
def bob():
    return Person("bob")


@pytest.fixture(scope="session")
def amazon():
    return Script()


@pytest.fixture
def script(amazon):
    """Return Amazon, with no calls and no answers yet."""
    return amazon.begin()
