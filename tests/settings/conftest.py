import pytest

from ondol.config import config


@pytest.fixture(autouse=True)
def _anew():
    """Let each test read its own settings: a process reads them once."""
    config.cache_clear()
    yield
    config.cache_clear()
