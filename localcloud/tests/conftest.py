"""One trial cloud for all tests here, sixty times as fast as the clock on the wall; its home has an awkward name."""

from collections.abc import Iterator

import pytest
from hypothesis import settings

from localcloud.trimmed_moto import import_moto
from trial import Machine, Trial

import_moto("ap-northeast-2", "123456789012")  # before tests import what would read all of it


def pytest_configure() -> None:
    """Give property tests no deadline: how long an example takes depends on what else the computer does."""
    settings.register_profile("untimed", settings.default, deadline=None)
    settings.load_profile("untimed")


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trial]:
    trial = Trial(tmp_path_factory.mktemp("cloud") / "영희의 집" / "trial", options=("--hurry", "10", "--faults"))
    trial.home.parent.mkdir()
    trial.start()
    yield trial
    trial.end()


@pytest.fixture(scope="session")
def yuna(cloud: Trial) -> Machine:
    """Return a machine that runs all the time. Tests that stop one make their own."""
    return cloud.machine("yuna")
