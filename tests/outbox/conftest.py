"""Settings of a mail server, as an administrator writes them."""

import pytest

from ondol.config import config
from tests.outbox.mail_host import Authority


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    """Return the institute's own authority."""
    return Authority.made(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def mail_settings(monkeypatch, settings):
    """Return a function that sets ONDOL_EMAIL_… for this process, which then sends for real."""
    settings.EMAIL_BACKEND = "ondol.outbox.backend.EmailBackend"

    def set_to(url, **others):
        monkeypatch.setenv("ONDOL_EMAIL_URL", url)
        for name, value in others.items():
            monkeypatch.setenv(f"ONDOL_EMAIL_{name}", str(value))
        config.cache_clear()

    yield set_to
    monkeypatch.undo()
    config.cache_clear()
