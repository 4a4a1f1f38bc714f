"""E-mails about requests and decisions. A job sends them, so that no page waits for a mail server."""

from django.conf import settings
from django.core.mail import send_mail
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import translation
from procrastinate.contrib.django import app

from ondol.accounts.models import Approval, Role, User
from ondol.config import config

TASK = "ondol.accounts.send"


def send_later(kind: str, user_id: int) -> None:
    """Enqueue an e-mail in the caller's transaction: `request` (to administrators) or `decision` (to the person).

    Each e-mail has a job of its own: if the second fails, the first is not sent again.
    """
    to = [user_id]
    if kind == "request":
        admins = User.objects.filter(role=Role.ADMIN, approval=Approval.APPROVED, is_active=True)
        to = list(admins.values_list("pk", flat=True))
    for reader in to:
        app.configure_task(TASK, queue="mail").defer(kind=kind, user_id=user_id, to=reader)


def send(kind: str, user: User, to: User) -> None:
    """Send one e-mail, in its reader's language; do nothing if it is out of date."""
    waits = user.approval == Approval.PENDING
    if kind == "request" and waits:
        write(to, "request", {"person": user, "link": config().url + reverse("admin_people")})
    elif kind == "decision" and not waits:
        write(to, "decision", {"person": user, "link": config().url + reverse("dashboard")})


def write(to: User, name: str, context: dict[str, object]) -> None:
    """Render `mail/NAME.txt` in the reader's language and send it. Its first line is the subject."""
    with translation.override(to.language):
        text = render_to_string(f"mail/{name}.txt", context)
    subject, _, body = text.strip().partition("\n")
    # A name may contain other line breaks, for which Django would refuse the e-mail.
    subject = " ".join(subject.split())
    send_mail(settings.EMAIL_SUBJECT_PREFIX + subject, body.strip() + "\n", None, [to.email])
