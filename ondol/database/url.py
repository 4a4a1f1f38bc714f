"""DATABASE_URL, in libpq's syntax and parsed by libpq, so that several hosts and all its parameters work.

What libpq says of a wrong address may repeat a piece of the password, so only the name of a parameter is taken from it.
"""

import re
from typing import Any
from urllib.parse import urlsplit

from psycopg import Error
from psycopg.conninfo import conninfo_to_dict

_STRAY = re.compile("%(?![0-9A-Fa-f]{2})")
"""A per cent sign that is not part of an encoding."""
_FORM = "postgresql://USER:PASSWORD@HOST:PORT/NAME"
_ENCODE = f"write {_FORM}, and in the password %40 for @, %2F for /, %23 for #, %3F for ?, %25 for %"

CONNECTS_WITHIN = 8.0
"""The seconds that connecting may take, over all hosts together: a host may never answer."""
_KEEPALIVE = {"keepalives_idle": "10", "keepalives_interval": "3", "keepalives_count": "3", "tcp_user_timeout": "10000"}
"""Linux then soon gives up a connection whose other end has vanished; by default it tries for two hours."""


def read(url: str) -> dict[str, Any]:
    """Return libpq's parameters, with our defaults. Raises ValueError with what to write instead."""
    if url.partition("://")[0] not in {"postgresql", "postgres"}:
        raise ValueError(f"only PostgreSQL: {_FORM}")
    if not _is_well_formed(url):
        raise ValueError(_ENCODE)
    try:
        given = conninfo_to_dict(url)
    except Error as error:
        unknown = re.search(r'invalid URI query parameter: "(\w+)"', str(error))
        raise ValueError(
            f"it has a parameter that PostgreSQL does not know: {unknown[1]}" if unknown else _ENCODE
        ) from None
    hosts, ports = (str(given.get(name, "")).split(",") for name in ("host", "port"))
    if not given.get("dbname"):
        raise ValueError(f"only PostgreSQL, with the name of a database: {_FORM}")
    if not all(port == "" or (port.isascii() and port.isdigit() and 0 < int(port) <= 65535) for port in ports):
        raise ValueError("its port is no number from 1 to 65535")
    if len(ports) not in {1, len(hosts)}:
        raise ValueError("there are as many ports as hosts, or one port for all")
    if len(hosts) > 1:
        given.setdefault("target_session_attrs", "read-write")  # after a failover, the one that takes writes
    connect = max(2, int(CONNECTS_WITHIN / len(hosts)))
    return {"connect_timeout": str(connect), **_KEEPALIVE, **given}


def _is_well_formed(url: str) -> bool:
    """Return whether no part of a password can be mistaken for a host or a port, and be printed."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    hosts = parts.netloc.rpartition("@")[2]
    return (
        parts.netloc.count("@") <= 1
        and "@" not in parts.path + parts.query + parts.fragment
        and not parts.fragment
        and not _STRAY.search(url)
        and all(re.fullmatch(r"(\[[0-9A-Fa-f:.%]+\]|[^:\[\]]*)(:\d*)?", host) is not None for host in hosts.split(","))
    )
