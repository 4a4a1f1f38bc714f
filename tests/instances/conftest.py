"""Fixtures for machines."""

import pytest

from tests.instances.rig import Rig, person


@pytest.fixture
def rig(db):
    return Rig()


@pytest.fixture
def alice(db):
    return person("alice")


@pytest.fixture
def ada(db):
    return person("ada", admin=True)
