"""The only way to remove old rows, for the owner of the tables. The chain can still be verified afterwards."""

from datetime import datetime

from django.db import connection, transaction

from ondol.audit import linking
from ondol.audit.chain import Head
from ondol.audit.models import Entry, Link
from ondol.audit.record import Action, write


@transaction.atomic
def prune(before: datetime) -> int:
    """Remove the rows from the beginning up to the first one that is not older; return their number.

    The link of the last removed row is kept without its entry: the chain begins after it, and a new row says so.
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
    """Return the last link before the first row that is kept; None: nothing is to be removed."""
    stays = Entry.objects.filter(at__gte=before).values("pk")
    first = Link.objects.filter(entry_id__in=stays).order_by("position").first()
    ends = Link.objects.filter(position__lt=first.position) if first else Link.objects.all()
    last = ends.order_by("-position").first()
    if last is None or not Entry.objects.filter(pk=last.entry_id).exists():
        return None
    return Head(last.position, last.hash)
