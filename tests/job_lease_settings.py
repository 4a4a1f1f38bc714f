"""Ondol's settings, with a worker that loads `tests.job_lease_tasks` alone."""

from ondol.settings import *  # noqa: F403

PROCRASTINATE_IMPORT_PATHS = ["tests.job_lease_tasks"]
