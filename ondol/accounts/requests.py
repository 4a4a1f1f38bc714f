"""New requests, announced to administrators: the first at once, those of the next quarter of an hour together."""

import logging
from datetime import timedelta

from django.db import transaction
from django.db.models import Max
from django.urls import reverse

from ondol import clock
from ondol.accounts import proof
from ondol.accounts.mail import write
from ondol.accounts.models import User
from ondol.accounts.people import administrators
from ondol.config import config
from ondol.outbox.jobs import send_later

log = logging.getLogger(__name__)
TASK = "ondol.accounts.request"
GATHERED = timedelta(minutes=15)
SHOWN = 50
"""The most requests that one e-mail describes."""


def announce() -> None:
    """Enqueue one e-mail to each administrator about all requests not announced yet. It may run twice.

    Where there is no administrator, requests wait to be announced until there is one.
    """
    new = proof.to_announce().filter(announced_at=None)
    if not new.exists():
        return
    now = clock.real_now()
    last = User.objects.aggregate(last=Max("announced_at"))["last"]
    if last and now - GATHERED < last <= now:
        return
    with transaction.atomic():
        readers = list(administrators().values_list("pk", flat=True))
        if not readers:
            return
        people = list(new.select_for_update(skip_locked=True).order_by("created_at").values_list("pk", flat=True))
        User.objects.filter(pk__in=people).update(announced_at=now)
        for reader in readers if people else []:
            send_later(TASK, people=[*people], to=reader)


def send(people: list[int], to: User) -> None:
    """Send one e-mail about those still pending; none if nobody is, or if the reader is no administrator now."""
    waiting = proof.waiting().filter(pk__in=people).order_by("created_at")
    count = waiting.count()
    if not count or not to.is_admin:
        return
    link = config().url + reverse("admin_people")
    if count == 1:
        write(to, "request", {"person": waiting.get(), "link": link})
    else:
        write(to, "requests", {"people": waiting[:SHOWN], "count": count, "more": max(0, count - SHOWN), "link": link})
