"""An e-mail to the owner at each key download and each new token, so that whoever it was, they know."""

from datetime import timedelta
from typing import Any

from django.db import connection
from django.urls import reverse
from django.utils import formats, timezone, translation
from procrastinate.contrib.django import app

from ondol import clock
from ondol.accounts.mail import write
from ondol.accounts.models import User
from ondol.audit import origin
from ondol.audit.models import Entry
from ondol.audit.record import Action, asker
from ondol.audit.record import write as record
from ondol.config import config
from ondol.request_id import for_job

TASK = "ondol.accounts.security"
QUIET = timedelta(hours=1)
"""So long after an e-mail, more of the same from the same address is not told again. A new address always is."""


def record_and_tell(action: Action, person: User, **details: Any) -> None:
    """Add the row, and enqueue the e-mail, in the caller's transaction."""
    with connection.cursor() as cursor:  # two at once are not two e-mails
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('ondol.security'), %s)", [person.pk % 2**31])
    told = Entry.objects.filter(action=action, on_id=person.pk, at__gt=clock.now() - QUIET, details__letter=True)
    is_told = told.filter(address=origin.address()).exists()
    entry = record(action, by=asker(), on=person, **{**details, "letter": not is_told})
    if not is_told:
        app.configure_task(TASK, queue="mail").defer(entry=entry.pk, **for_job())


def send(entry: Entry, person: User) -> None:
    """Send it, in its reader's language."""
    with translation.override(person.language):
        when = formats.date_format(timezone.localtime(entry.at), "Y-m-d H:i T")
    context = {"person": person, "entry": entry, "when": when, "link": config().url + reverse("my_activity")}
    write(person, "security", {**context, "token": entry.details.get("name", "")})
