"""Fixtures for machines."""

import pytest

from ondol.config import config
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


@pytest.fixture
def setting(monkeypatch):
    """Return a function that changes settings, as an administrator who then starts Ondol again."""

    def changed(**values):
        for name, value in values.items():
            monkeypatch.setenv(name, value)
        config.cache_clear()

    yield changed
    monkeypatch.undo()
    config.cache_clear()
