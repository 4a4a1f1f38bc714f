"""The grounds on which the contract is tried."""

import pytest

from tests.cloud.grounds import InMemory, InTheTrial, Person, Trial
from tests.cloud.script import Script


@pytest.fixture(scope="session")
def trial(tmp_path_factory):
    """One trial cloud for all of them; each test is a deployment of its own."""
    trial = Trial(tmp_path_factory.mktemp("trial") / "home")
    yield trial.environment()
    trial.end()


@pytest.fixture(params=["memory", pytest.param("trial", marks=pytest.mark.slow)])
def ground(request):
    return InMemory() if request.param == "memory" else InTheTrial(request.getfixturevalue("trial"))


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
    """Amazon, with nothing asked and nothing to answer yet."""
    return amazon.begin()
