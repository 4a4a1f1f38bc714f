"""Whether PostgreSQL has closed a connection: seen here, without asking it.

To ask "SELECT 1" before each request and each job takes a round trip and, of workers that have nothing to do, was half
of all statements. A way that swallows everything is not seen by this; statements wait for their answers for a limited
time anyway (`base`).
"""

import select
from typing import Any

from psycopg import AsyncConnection, Connection


def ensure_open(connection: Connection[Any] | AsyncConnection[Any]) -> None:
    """Raise OperationalError for a connection that PostgreSQL has closed."""
    heard = select.poll()
    heard.register(connection.fileno(), select.POLLIN)
    while heard.poll(0):  # its last words first, then the end
        connection.pgconn.consume_input()
