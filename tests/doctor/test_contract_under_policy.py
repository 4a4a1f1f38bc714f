"""The port's whole contract holds under the policy: what is refused for want of tags is told as what it is."""

import pytest

from tests.cloud.test_contract import *  # noqa: F403

pytestmark = pytest.mark.slow


@pytest.fixture
def ground(ground):
    """A neighbour has a policy of its own; here one for both will do."""
    ground.guard(ground.document(deployment="*"))
    return ground
