"""Ondol's settings, with a worker whose cloud is `bench.stand_in`."""

from ondol.settings import *  # noqa: F403
from ondol.settings import PROCRASTINATE_IMPORT_PATHS as OURS

PROCRASTINATE_IMPORT_PATHS = ["bench.stand_in", *OURS]
