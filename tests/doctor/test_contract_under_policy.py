"""The port's whole contract holds under the policy: a denial for missing tags becomes the error that it stands for."""

import pytest

from tests.cloud.test_contract import *  # noqa: F403

pytestmark = pytest.mark.slow


@pytest.fixture
def ground(ground):
    """Give a neighbour the same policy; normally each has its own, but one is enough here. And tags of an institute."""
    ground.guard(ground.document(deployment="*", tags=(("CostCenter", "4711"),)))
    return ground
