"""Removing old rows: the one way, for the owner of the tables alone, and the chain stays one that can be verified."""

from datetime import datetime

from django.db import connection, transaction

from ondol.audit import linking
from ondol.audit.chain import Head
from ondol.audit.models import Entry, Link
from ondol.audit.record import Action, write


@transaction.atomic
def prune(before: datetime) -> int:
    """Remove the beginning of the record, up to the first row that is not older; return how many rows that was.

    The last link of what goes stays without its entry: the chain begins after it, and a new row says so.
    """
    linking.hold()
    begin = _last_before(before)
    if begin is None:
        return 0
    write(Action.PRUNE, position=begin.position, hash=begin.hash)
    gone = Link.objects.filter(position__lte=begin.position).values("entry_id")
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL ondol.audit_retention = 'on'")
    count = Entry.objects.filter(pk__in=gone).delete()[0]
    Link.objects.filter(position__lt=begin.position).delete()
    return count


def _last_before(before: datetime) -> Head | None:
    """Return the last link before the first row that stays; None: nothing is to go."""
    stays = Entry.objects.filter(at__gte=before).values("pk")
    first = Link.objects.filter(entry_id__in=stays).order_by("position").first()
    ends = Link.objects.filter(position__lt=first.position) if first else Link.objects.all()
    last = ends.order_by("-position").first()
    if last is None or not Entry.objects.filter(pk=last.entry_id).exists():
        return None
    return Head(last.position, last.hash)
