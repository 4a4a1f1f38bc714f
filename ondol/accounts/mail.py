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
    """Enqueue an e-mail in the caller's transaction: `request` (to administrators) or `decision` (to the person)."""
    app.configure_task(TASK, queue="mail").defer(kind=kind, user_id=user_id)


def send_request(user: User) -> None:
    """Tell every administrator that somebody waits."""
    for admin in User.objects.filter(role=Role.ADMIN, approval=Approval.APPROVED, is_active=True):
        _send(admin, "request", {"person": user, "link": config().url + reverse("admin_people")})


def send_decision(user: User) -> None:
    """Tell a person what was decided about them."""
    if user.approval != Approval.PENDING:
        _send(user, "decision", {"person": user, "link": config().url + reverse("dashboard")})


def _send(to: User, name: str, context: dict[str, object]) -> None:
    with translation.override(to.language):
        text = render_to_string(f"mail/{name}.txt", context)
    subject, _, body = text.strip().partition("\n")
    # A name may hold other line ends, for which Django would refuse the letter.
    subject = " ".join(subject.split())
    send_mail(settings.EMAIL_SUBJECT_PREFIX + subject, body.strip() + "\n", None, [to.email])
