"""The browser of the tests."""

import os
import shutil

from playwright.sync_api import Browser, Playwright

# Playwright's loop runs in the thread of the test, which asks the database too.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"

_PROGRAMS = ("chromium-headless-shell", "chromium", "google-chrome")
"""The first one that is installed is used. Chromium's headless shell draws the same pages for a third of the processor
seconds, since it comes without windows."""
_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def launch(playwright: Playwright) -> Browser:
    """Start a browser, which listens to nobody but this process."""
    paths = [path for name in _PROGRAMS if (path := shutil.which(name))]
    assert paths, f"none of these is installed: {', '.join(_PROGRAMS)}; `make test` installs one"
    return playwright.chromium.launch(executable_path=paths[0], args=_ARGUMENTS)
