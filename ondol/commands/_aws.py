"""Set-up for commands that call AWS themselves."""

import json
import logging
import os

from django.utils import translation

from ondol.commands import CommandError, _django
from ondol.config import config, settings_file
from ondol.host import environments


def set_up() -> None:
    """Load Django, with the credentials that the worker has. Raises CommandError."""
    take_credentials()
    _django.set_up()
    translation.activate(language())
    config().require_cloud()


def take_credentials() -> None:
    """Set the credentials of this home's trial, or the SDK's own. Raises CommandError if the trial does not run."""
    read_env_file()
    logging.getLogger("ondol.aws").setLevel(logging.WARNING)  # its lines are for a worker's log; here, a person reads
    if config().cloud == "local" and "AWS_ENDPOINT_URL" not in os.environ:
        _borrow_trial()


def read_env_file() -> None:
    """Read the `.env` file for the AWS SDK, which reads the environment alone."""
    # Credentials are a set: a profile in the file must not join another key.
    if "AWS_ACCESS_KEY_ID" not in os.environ:
        for name, value in settings_file().values.items():
            os.environ.setdefault(name, value)


def language() -> str:
    """Return the language of this terminal."""
    return "ko" if os.environ.get("LC_ALL", os.environ.get("LANG", "")).startswith("ko") else "en"


def _borrow_trial() -> None:
    home = config().home
    try:
        trial = json.loads((home / "cloud" / "environment.json").read_text())
    except FileNotFoundError:
        raise CommandError(f"No trial cloud runs on {home}. Start `ondol up` first.") from None
    env = environments.of_worker(os.environ, trial)
    os.environ.clear()
    os.environ.update(env | environments.without_proxy(env) | {"ONDOL_CLOUD": "local"})
    clock = home / "clock"
    if clock.exists():
        os.environ["ONDOL_CLOCK"] = clock.read_text().strip()
    config.cache_clear()
