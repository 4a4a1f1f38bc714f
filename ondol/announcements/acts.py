"""Showing an announcement, changing it and ending it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection, transaction

from ondol import clock
from ondol.accounts.models import User
from ondol.accounts.people import require_administrator
from ondol.announcements.models import Announcement
from ondol.audit.record import Action, refusals, write
from ondol.database.kept import Kept


def current() -> Announcement | None:
    """Return the announcement that is not over; one query."""
    row = _CURRENT.first()
    return None if row is None or row.is_over(clock.now()) else row


_CURRENT = Kept[Announcement](lambda: Announcement.objects.filter(pk=Announcement.ONLY))


def show(wanted: Announcement, by: User) -> None:
    """Show this announcement instead of the present one. It may run twice."""
    with refusals(Action.ANNOUNCE, by=by), _alone(by):
        old = Announcement.objects.filter(pk=Announcement.ONLY).first()
        if old is not None and _fields(old) == _fields(wanted):
            return
        is_same = old is not None and _read(old) == _read(wanted) and not old.is_over(clock.now())
        wanted.pk, wanted.by = Announcement.ONLY, by
        wanted.changed_at = old.changed_at if old is not None and is_same else clock.real_now()
        wanted.save(force_insert=old is None, force_update=old is not None)
        fields = _fields(wanted) | {"until": wanted.until.isoformat(timespec="minutes")}
        write(Action.ANNOUNCE, by=by, changed=old is not None and not old.is_over(clock.now()), **fields)


def end(by: User) -> None:
    """End the announcement now. It may run twice."""
    with refusals(Action.ANNOUNCE_END, by=by), _alone(by):
        if row := Announcement.objects.filter(pk=Announcement.ONLY).first():
            row.delete()
            write(Action.ANNOUNCE_END, by=by, text_ko=row.text_ko, text_en=row.text_en, kind=row.kind)


@contextmanager
def _alone(by: User) -> Iterator[None]:
    """Open a transaction in which only this administrator changes the announcement."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(hashtext('ondol.announcement'))")
        require_administrator(by)
        yield


def _read(row: Announcement) -> tuple[str, ...]:
    """Return what readers notice."""
    return row.text_ko, row.text_en, row.kind


def _fields(row: Announcement) -> dict[str, Any]:
    names = ("text_ko", "text_en", "kind", "until", "on_sign_in")
    return {name: getattr(row, name) for name in names}
