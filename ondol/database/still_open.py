"""Whether PostgreSQL has closed a connection, without a query.

"SELECT 1" before each request and each job takes a round trip, and was half of all statements of idle workers. A
network that drops packets is not noticed here; statements wait for their answers for a limited time anyway (`base`).
"""

import select
from typing import Any

from psycopg import AsyncConnection, Connection


def ensure_open(connection: Connection[Any] | AsyncConnection[Any]) -> None:
    """Raise OperationalError for a connection that PostgreSQL has closed."""
    heard = select.poll()
    heard.register(connection.fileno(), select.POLLIN)
    while heard.poll(0):  # first its last messages, then the end of the connection
        connection.pgconn.consume_input()
