"""One site for the tests that do not break it."""

import pytest

from tests.journey.site import Site, furnished


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    site = Site(furnished(tmp_path_factory.mktemp("ondol") / "집 home")).start()
    yield site
    site.stop()
