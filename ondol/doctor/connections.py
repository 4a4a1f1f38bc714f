"""Whether PostgreSQL takes as many connections as all parts together may open."""

from collections.abc import Iterator

from django.db import connection

from ondol.config import config
from ondol.deployment import workers
from ondol.doctor.findings import Finding, ok, warning
from ondol.host.capacity import connections_of_web, connections_of_worker

COMMANDS = 2
"""The number of connections of a command such as `ondol migrate`, `backup` or this one."""
_WEB = "ondol web"
_ROOM = """
SELECT current_setting('max_connections')::int,
  current_setting('superuser_reserved_connections')::int
    + coalesce(current_setting('reserved_connections', true)::int, 0),
  (SELECT count(*) FROM pg_stat_activity WHERE datid IS NOT NULL AND usesysid IS NOT NULL
    AND NOT (datname = current_database() AND application_name LIKE 'ondol%%')),
  least(nullif((SELECT rolconnlimit FROM pg_roles WHERE rolname = current_user), -1),
    nullif((SELECT datconnlimit FROM pg_database WHERE datname = current_database()), -1)),
  (SELECT count(DISTINCT coalesce(client_addr::text, '')) FROM pg_stat_activity
    WHERE datname = current_database() AND application_name = %s)
"""
"""The connections that the server allows, reserves, and has from others; the limit of this role or database, if any;
and the number of hosts with a web part."""


def check() -> Iterator[Finding]:
    """Compare the connections that web parts and workers may open, by this host's settings, with what is left."""
    with connection.cursor() as cursor:
        cursor.execute(_ROOM, [_WEB])
        most, reserved, others, limit, hosts = cursor.fetchone()
    webs, alive = max(1, hosts), max(1, workers.count_alive())
    needed = webs * connections_of_web(config()) + alive * connections_of_worker(config()) + COMMANDS
    room = max(0, most - reserved - others)
    said = {"webs": webs, "workers": alive, "needed": needed, "most": most, "reserved": reserved, "others": others}
    if limit is not None and limit < min(needed, room):
        yield warning("connections", "limited", **said, room=limit)
    elif needed > room:
        yield warning("connections", "too_few", **said, room=room)
    else:
        yield ok("connections", "enough", **said, room=room if limit is None else min(room, limit))
