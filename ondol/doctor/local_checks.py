"""What can be checked without AWS: clock, sealed keys, workers."""

import time
from collections.abc import Iterator

from django.db import connection

from ondol import whom_to_ask
from ondol.accounts import proof
from ondol.accounts.people import administrators
from ondol.config import config
from ondol.deployment import fingerprints, workers
from ondol.doctor.findings import Finding, failed, ok, warning
from ondol.instances import sealed

SKEW = 5.0
"""The seconds by which two clocks may differ. Amazon refuses signatures that are 15 minutes off."""


def clock() -> Iterator[Finding]:
    """Compare the database's clock with ours: job leases and back-offs use both."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT extract(epoch FROM clock_timestamp())")
        skew = abs(float(cursor.fetchone()[0]) - time.time())
    if skew > SKEW:
        yield warning("clock", "database", seconds=round(skew))
    else:
        yield ok("clock", "database_sound")


def keys() -> Iterator[Finding]:
    """Check that everything that is sealed can be opened, and that our keys are the deployment's."""
    found = sealed.examine()
    mine, deployments = fingerprints.ours(), fingerprints.known()
    if deployments.signing and mine.signing != deployments.signing:
        yield failed("keys", "other_signing", here=mine.signing, there=deployments.signing)
    if missing := [key for key in deployments.vault if key not in mine.vault]:
        yield failed("keys", "other_vault", here=", ".join(mine.vault), missing=", ".join(missing))
    if found.tampered:
        yield failed("keys", "tampered", which="; ".join(found.tampered))
    if found.unbound:
        yield warning("keys", "unbound", unbound=found.unbound)
    if found.shut:
        yield failed("keys", "shut", shut=len(found.shut), count=found.count)
    elif found.tampered or found.unbound:
        return
    elif found.old:
        needed = sealed.ids_in_use() - {mine.vault[0]}
        yield ok("keys", "old", count=found.count, old=found.old, needed=", ".join(sorted(needed)))
    elif spare := [key for key in mine.vault[1:] if key not in deployments.vault]:
        yield ok("keys", "spare", count=found.count, spare=", ".join(spare))
    else:
        yield ok("keys", "open" if found.count else "none", count=found.count)


def worker() -> Iterator[Finding]:
    """Check that a worker runs."""
    alive = workers.count_alive()
    yield ok("worker", "alive", count=alive) if alive else failed("worker", "silent")


def addresses() -> Iterator[Finding]:
    """Check that addresses are proven before an administrator approves somebody."""
    settings = config()
    has_server = settings.mail_server.folder is None
    if not settings.wants_proof:
        yield ok("addresses", "trial")
    elif settings.email_verification == "mandatory":
        yield ok("addresses", "proven") if has_server else warning("addresses", "nobody_reads")
    else:
        yield warning("addresses", "turned_off" if has_server else "no_letters", now=settings.email_verification)


def contact() -> Iterator[Finding]:
    """Check that people learn whom to ask; in a trial, nobody has to."""
    if found := whom_to_ask.contact():
        yield ok("contact", "shown", who=", ".join(dict.fromkeys((found.name, found.address))))
    else:
        yield warning("contact", "unset") if config().cloud == "aws" else ok("contact", "trial")


def requests() -> Iterator[Finding]:
    """Check that somebody is told of requests."""
    waiting = proof.to_announce().count()
    if waiting and not administrators().exists():
        yield warning("requests", "nobody", count=waiting)
    else:
        yield ok("requests", "heard", count=waiting)
