"""How many processes and threads a part has by these settings, and how many connections to PostgreSQL it may open."""

import os

from ondol.config import Config

MOST_BY_ITSELF = 4
"""The most processes without a setting: each takes 150 MB, also on a host with many processors."""
JOBS = 20
"""The jobs that a worker runs at the same time, unless its `--concurrency` says otherwise."""
_OF_ENGINE = 5
"""Procrastinate's connections: four in its pool, and the one that listens."""


def web_processes(config: Config) -> int:
    """Return the processes of one `ondol web`. It is one in a trial, which shares its host, and with metrics, which
    only one process can serve."""
    if config.web_processes is not None:
        return config.web_processes
    if config.cloud == "local" or config.web_metrics_port:
        return 1
    return min(len(os.sched_getaffinity(0)), MOST_BY_ITSELF)


def web_threads(config: Config) -> int:
    """Return how many requests one process works on at once. Each thread has its own connection to PostgreSQL."""
    by_itself = 3 if web_processes(config) > 1 else min(8, 2 * (os.cpu_count() or 1) + 1)
    return config.web_threads or by_itself


def connections_of_web(config: Config) -> int:
    """Return the most connections of one `ondol web`: one for each thread, for `/healthz`, and for metrics."""
    return web_processes(config) * (web_threads(config) + 1) + bool(config.web_metrics_port)


def connections_of_worker(config: Config, jobs: int = JOBS) -> int:
    """Return the most connections of one `ondol worker`."""
    return jobs + _OF_ENGINE + bool(config.worker_metrics_port)
