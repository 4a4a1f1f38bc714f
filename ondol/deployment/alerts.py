"""E-mails to administrators about problems that the worker has found; each once, by a job for each reader."""

from datetime import timedelta

from django.core.cache import cache
from django.db import transaction
from django.urls import reverse

from ondol import clock
from ondol.accounts.mail import write
from ondol.accounts.models import User
from ondol.accounts.people import administrators
from ondol.config import config
from ondol.deployment.findings import remembered
from ondol.deployment.models import Deployment
from ondol.keys.vault import Label
from ondol.outbox.jobs import send_later

TASK = "ondol.instances.alert"
TROUBLE_FOR = timedelta(minutes=10)
"""The time is real time. Shorter problems with AWS pass by themselves."""

ONCE_IN = timedelta(days=1)
"""Whoever asks for a key again and again fills no mailbox."""


def notify_administrators(kind: str, **about: str) -> None:
    """Enqueue an e-mail to each administrator, in the caller's transaction: `trouble`, `findings` or `tampered`."""
    for admin in administrators():
        send_later(TASK, kind=kind, to=admin.pk, **about)


def notify_of_tampering(label: Label) -> None:
    """Notify administrators that what is sealed under this label was changed; at most once a day for each."""
    about = {"secret": label.kind, "owner": label.owner, "row": label.row}
    if cache.add(f"tampered:{':'.join(about.values())}", True, ONCE_IN.total_seconds()):
        notify_administrators("tampered", **about)


def notify_of_lasting_trouble() -> None:
    """Notify administrators if AWS has not answered for long; once, until it has answered again."""
    now = clock.real_now()
    with transaction.atomic():
        if (
            Deployment.current()
            .filter(trouble_told_at=None, trouble_since__lt=now - TROUBLE_FOR)
            .update(trouble_told_at=now)
        ):
            notify_administrators("trouble")


def send(kind: str, to: User, **about: str) -> None:
    """Send one e-mail; do nothing if it is out of date."""
    state = Deployment.current().get()
    if kind == "trouble" and state.trouble:
        write(to, "trouble", {"state": state, "link": config().url + reverse("dashboard")})
    elif kind == "findings" and (findings := remembered()):
        write(to, "findings", {"findings": findings, "link": config().url + reverse("admin_doctor")})
    elif kind == "tampered" and (owner := User.objects.filter(pk=about["owner"]).first()):
        write(to, "tampered", {"about": about, "owner": owner, "link": config().url + reverse("admin_doctor")})
