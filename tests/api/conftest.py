"""People who call the API, and one machine."""

import pytest
from django.conf import settings
from django.core.cache import cache

from ondol.accounts.models import Approval, Role
from ondol.instances.states import Status
from tests.api.caller import Program, person
from tests.instances.rig import made


@pytest.fixture(scope="session", autouse=True)
def _static_files():
    """None are needed here, but whitenoise warns without their folder."""
    settings.STATIC_ROOT.mkdir(parents=True, exist_ok=True)


@pytest.fixture(autouse=True)
def _nobody_has_called_yet(db):
    cache.clear()


@pytest.fixture
def ada():
    """Return Ada, an administrator."""
    return Program(person("ada", role=Role.ADMIN))


@pytest.fixture
def alice():
    return Program(person("alice"))


@pytest.fixture
def bob():
    return Program(person("bob"))


@pytest.fixture
def carol():
    """Return Carol, who waits for an administrator."""
    return Program(person("carol", Approval.PENDING))


@pytest.fixture
def nobody():
    return Program()


@pytest.fixture
def machine():
    """Return a function that makes somebody's machine in any status."""

    def make(program, status=Status.RUNNING, **fields):
        return made(program.user, status=status, **fields)

    return make
