"""One site for the tests that do not break it."""

import pytest

from tests.journey.site import Site


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    site = Site(tmp_path_factory.mktemp("ondol") / "집 home").start()
    yield site
    site.stop()
