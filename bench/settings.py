"""Ondol's settings, with a worker that loads `bench.tasks` alone."""

from ondol.settings import *  # noqa: F403

PROCRASTINATE_IMPORT_PATHS = ["bench.tasks"]
