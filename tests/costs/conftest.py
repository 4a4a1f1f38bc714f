"""Alice and her machine in June 2026, on a clock that hardly moves until it is set."""

import pytest

from tests.costs.lives import kst
from tests.instances.rig import Rig, person


@pytest.fixture
def at(machines_clock):
    """Set the machines' clock: `at("06-10 09:00")`, in Seoul."""
    return lambda text: machines_clock.set(kst(text))


@pytest.fixture
def rig(db, at):
    at("06-01 00:00")
    return Rig()


@pytest.fixture
def alice(db):
    return person("alice")


@pytest.fixture
def bob(db):
    return person("bob")


@pytest.fixture
def ada(db):
    """Return Ada, an administrator."""
    return person("ada", admin=True)
