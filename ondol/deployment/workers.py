"""The workers that are alive, as their heartbeats in the database tell."""

from django.db import connection

DEAD_AFTER = 10.0
"""The seconds without a heartbeat after which a worker counts as dead, and others take over its jobs."""


def count_alive() -> int:
    """Return how many workers have written a heartbeat lately: each writes one every two seconds."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM procrastinate_workers WHERE last_heartbeat > now() - make_interval(secs => %s)",
            [DEAD_AFTER],
        )
        (count,) = cursor.fetchone()
    return int(count)
