"""The health check for load balancers: whether this web part can serve pages from this database."""

import time

from django.db import Error, connection

from ondol.deployment import fingerprints, schema

RECHECKED = 5.0
"""The seconds between two checks of the schema."""

_seen = {"sound_at": float("-inf"), "has_our_keys": False}


def trouble() -> str:
    """Return why pages cannot be served, as a sentence; empty if they can.

    `ondol web` refuses a wrong schema and wrong keys at its start, if the database answers then; it may have been away,
    or have been migrated or restored since. Keys are compared until they were right once, since they are changed in one
    part after the other.
    """
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        if time.monotonic() - _seen["sound_at"] > RECHECKED:
            schema.check()
            if not _seen["has_our_keys"]:
                fingerprints.compare(fingerprints.ours(), fingerprints.known())
            _seen.update(sound_at=time.monotonic(), has_our_keys=True)
    except (schema.WrongSchema, fingerprints.OtherKeys) as error:
        return str(error)
    except Error:
        return "the database does not answer"
    return ""
