"""Linking entries into the chain: after they are committed, by one worker at a time, so that no act waits for it."""

import json
import logging
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

from django.db import connection, transaction
from django.db.models import Exists, OuterRef, QuerySet

from ondol import clock
from ondol.audit.chain import FIELDS, Head, Linked, hash_of
from ondol.audit.models import Entry, Link
from ondol.config import config
from ondol.host.home import write_private

log = logging.getLogger(__name__)

LINKED_WITHIN = timedelta(minutes=1)
"""The time is real time. A worker links every five seconds."""
AT_ONCE = 5000
"""The most entries of one transaction."""
_READ_AT_ONCE = 200
LATE = 10_000
"""Unlinked entries are looked for from so many ids before the last linked one: transactions commit out of order."""
_LAST = """
    SELECT least((SELECT coalesce(max(entry_id), 0) FROM audit_link), (SELECT last_value FROM audit_entry_id_seq))
"""
"""The last linked id, limited to ids of the sequence: whoever adds a row could choose a higher one."""
_LOCK = "SELECT pg_advisory_xact_lock(hashtext('ondol.audit'))"
_ENTRY = ", ".join(f"entry.{name}" for name in FIELDS)
_LINKED = f"""
    SELECT link.position, link.entry_id, link.hash, {_ENTRY}
    FROM audit_link link LEFT JOIN audit_entry entry ON entry.id = link.entry_id ORDER BY link.position
"""  # noqa: S608  names of ours


def head_file() -> Path:
    """Return where the head is kept outside of the database, on each host of a worker."""
    return config().home / "audit.head"


def kept_head() -> Head | None:
    """Return the head in this host's file; None: there is none, or it cannot be read."""
    with suppress(OSError, ValueError):
        return Head.parse(head_file().read_text())
    return None


def link(everything: bool = False) -> Head | None:
    """Link what waits, and return the new head; None if nothing waited. It may run twice.

    Without `everything`, only entries near the last one are looked for, which is cheap however long the record is.
    """
    with transaction.atomic():
        hold()
        head = current_head()
        waiting = unlinked()
        if not everything:
            waiting = waiting.filter(pk__gt=_last_linked() - LATE)
        links = []
        # A few at a time: each may be large.
        for values in waiting.order_by("pk").values_list(*FIELDS)[:AT_ONCE].iterator(chunk_size=_READ_AT_ONCE):
            position = head.position + 1
            head = Head(position, hash_of(head.hash, position, values))
            links.append(Link(position=position, entry_id=values[0], hash=head.hash))
        Link.objects.bulk_create(links)
    if not links:
        return None
    _keep(head)
    return head


def _last_linked() -> int:
    with connection.cursor() as cursor:
        cursor.execute(_LAST)
        ((last,),) = cursor.fetchall()
        return int(last)


def hold() -> None:
    """Let nobody else link until the end of this transaction."""
    with connection.cursor() as cursor:
        cursor.execute(_LOCK)


def current_head() -> Head:
    """Return the last link."""
    last = Link.objects.order_by("-position").first()
    return Head(last.position, last.hash) if last else Head()


def linked() -> Iterator[Linked]:
    """Return the chain from its beginning, a part at a time."""
    with transaction.atomic(), connection.chunked_cursor() as cursor:
        cursor.execute(_LINKED)
        while rows := cursor.fetchmany(_READ_AT_ONCE):
            for position, entry_id, digest, *entry in rows:
                entry[-1] = json.loads(entry[-1] or "null")  # Django leaves JSON to its models
                yield Linked(position, entry_id, digest, None if entry[0] is None else entry)


def unlinked() -> QuerySet[Entry]:
    """Return the entries that wait to be linked."""
    return Entry.objects.filter(~Exists(Link.objects.filter(entry_id=OuterRef("pk"))))


def late() -> int:
    """Return how many entries have waited longer than linking ever takes: unlinked ones can be removed unnoticed.

    The time of an entry is on the machines' clock.
    """
    return unlinked().filter(at__lt=clock.now() - clock.real_seconds(LINKED_WITHIN.total_seconds())).count()


def _keep(head: Head) -> None:
    """Keep the head outside, in the log and in a file. A head there that is not in the record is kept and reported."""
    log.info("the record has a new head", extra={"position": head.position, "hash": head.hash})
    kept = kept_head()
    if kept and kept.position and not _leads_to(kept):
        log.error(
            "the head in %s is not in the record: rows were changed or removed, or a backup was restored. Run"
            " `ondol audit verify`; after a restore, remove the file.",
            head_file(),
            extra={"kept": str(kept), "head": str(head)},
        )
        return
    try:
        write_private(head_file(), f"{head}\n")
    except OSError as error:
        log.error("the head of the record cannot be kept in %s: %s", head_file(), error.strerror)


def _leads_to(kept: Head) -> bool:
    """Return whether the record has this link, or a retention has removed it and all before."""
    first = Link.objects.order_by("position").first()
    is_before = first is not None and kept.position < first.position
    return is_before or Link.objects.filter(position=kept.position, hash=kept.hash).exists()
