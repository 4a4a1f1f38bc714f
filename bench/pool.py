"""What a request pays for its connection: one that its thread keeps, as `ondol web` does, Django's pool, and none kept.

In one thread and without a page: Django's beginning of a request, one statement, and its end.
"""

import time
from collections.abc import Callable
from statistics import median
from typing import Any

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.utils import load_backend

from bench.place import table
from bench.record import ratio

ROUNDS, REQUESTS = 5, 200
STOCK = "django.db.backends.postgresql"
WAYS: dict[str, dict[str, Any]] = {
    "a thread keeps its own (`ondol web`)": {"ENGINE": "ondol.database", "CONN_MAX_AGE": 60},
    "the same, tried by a statement (Django's own)": {"ENGINE": STOCK, "CONN_MAX_AGE": 60},
    "Django's pool of psycopg": {"ENGINE": STOCK, "CONN_MAX_AGE": 0, "POOL": {"min_size": 4, "max_size": 4}},
    "none is kept": {"ENGINE": STOCK, "CONN_MAX_AGE": 0},
}


def main() -> None:
    """Measure all ways in turn, several times: the medians count."""
    ways = {name: _connection(name, **options) for name, options in WAYS.items()}
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    for number in range(-1, ROUNDS):  # so that nothing is cold
        for name, wrapper in ways.items():
            times = _times(lambda one=wrapper: _request(one), 20 if name == "none is kept" else REQUESTS)  # type: ignore[misc]
            if number >= 0:
                found[name].append(times)
    for wrapper in ways.values():
        wrapper.close()
        if hasattr(wrapper, "close_pool"):
            wrapper.close_pool()
    first, *_ = found
    rows = []
    for name, rounds in found.items():
        wall, spent = (median(column) * 1000 for column in zip(*rounds, strict=True))
        ours = median(wall for wall, _spent in found[first]) * 1000
        rows.append((name, f"{wall:.3f} ms", f"{spent:.3f} ms", f"{wall / ours:.1f} ×"))
        if name != first:
            ratio(f"pool: {name}, beside ours", wall / ours)
    table("A request with one statement", ["its connection", "takes", "processor time here", "ratio"], rows)


def _connection(name: str, **options: Any) -> BaseDatabaseWrapper:
    settings = connections["default"].settings_dict | {"CONN_HEALTH_CHECKS": "POOL" not in options}
    pool = options.pop("POOL", None)
    settings |= options
    if pool:
        settings["OPTIONS"] = settings["OPTIONS"] | {"pool": pool}
    wrapper: BaseDatabaseWrapper = load_backend(settings["ENGINE"]).DatabaseWrapper(settings, alias=name)
    return wrapper


def _request(wrapper: BaseDatabaseWrapper) -> None:
    wrapper.close_if_unusable_or_obsolete()
    with wrapper.cursor() as cursor:
        cursor.execute("SELECT 1")
        cursor.fetchone()
    wrapper.close_if_unusable_or_obsolete()


def _times(act: Callable[[], None], count: int) -> tuple[float, float]:
    """Return the seconds, and the processor seconds, of one."""
    began, spent = time.perf_counter(), time.thread_time()
    for _ in range(count):
        act()
    return (time.perf_counter() - began) / count, (time.thread_time() - spent) / count
