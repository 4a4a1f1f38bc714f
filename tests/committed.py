"""Fixtures for tests whose threads commit, each on a connection of its own."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from django.db import connection, connections

from tests import role


@pytest.fixture
def committed(transactional_db):
    """Empty Procrastinate's tables afterwards, which Django does not."""
    yield
    with role.owner(), connection.cursor() as cursor:
        cursor.execute("TRUNCATE procrastinate_jobs CASCADE")


def together(*calls: Callable[[], Any]) -> list[Any]:
    """Call all of them at the same instant; return their results."""
    barrier = Barrier(len(calls))

    def run(call: Callable[[], Any]) -> Any:
        try:
            barrier.wait()
            return call()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(calls)) as threads:
        return list(threads.map(run, calls))
