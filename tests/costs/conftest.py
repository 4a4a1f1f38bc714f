"""Alice and her machine in June 2026, on a clock that hardly moves until it is set."""

import time

import pytest

from ondol.config import config
from tests.costs.lives import kst
from tests.instances.rig import Rig, person


@pytest.fixture
def at(monkeypatch):
    """Sets the machines' clock: `at("06-10 09:00")`, in Seoul."""

    def set_clock(text):
        # So slow that a test is over within the same second, but later is later: a look must be newer than an act.
        monkeypatch.setattr(config(), "clock", f"{time.time()},{kst(text).timestamp()},0.01")

    return set_clock


@pytest.fixture
def rig(db, at):
    from ondol import clock

    at("06-01 00:00")
    rig = Rig()
    rig.cloud.world.now = clock.now
    return rig


@pytest.fixture
def alice(db):
    return person("alice")


@pytest.fixture
def bob(db):
    return person("bob")


@pytest.fixture
def ada(db):
    """Administrates."""
    return person("ada", admin=True)
