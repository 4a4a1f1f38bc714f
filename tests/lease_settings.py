"""Ondol's settings, with a worker that loads `tests.lease_tasks` alone."""

from ondol.settings import *  # noqa: F403

PROCRASTINATE_IMPORT_PATHS = ["tests.lease_tasks"]
