"""E-mails of our own. A job sends each, so that no page waits for a mail server."""

from django.conf import settings
from django.core.mail import send_mail
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import translation

from ondol.accounts.models import Approval, User
from ondol.audit.record import Action
from ondol.audit.record import write as record
from ondol.config import config
from ondol.outbox import jobs
from ondol.whom_to_ask import contact_line

TASK = "ondol.accounts.send"


def send_later(user_id: int) -> None:
    """Enqueue an e-mail about a decision to the person whom it is about, in the caller's transaction."""
    jobs.send_later(TASK, kind="decision", user_id=user_id, to=user_id)


def send(kind: str, user: User, to: User) -> None:
    """Send one e-mail, in its reader's language; do nothing if it is out of date."""
    waits = user.approval == Approval.PENDING
    if kind == "request" and waits:
        write(to, "request", {"person": user, "link": config().url + reverse("admin_people")})
    elif kind == "decision" and not waits:
        write(to, "decision", {"person": user, "link": config().url + reverse("dashboard")})


def write(to: User, name: str, context: dict[str, object], to_address: str = "") -> None:
    """Render `mail/NAME.txt` in the reader's language and send it, to another address of theirs if one is given. The
    first line of the template is the subject; whom to turn to is added at the end. The e-mail is recorded."""
    with translation.override(to.language):
        text = f"{render_to_string(f'mail/{name}.txt', context).strip()}\n\n{contact_line()}"
    subject, _, body = text.strip().partition("\n")
    # A name may contain other line breaks, for which Django would refuse the e-mail.
    subject = " ".join(subject.split())
    send_mail(settings.EMAIL_SUBJECT_PREFIX + subject, body.strip() + "\n", None, [to_address or to.email])
    record(Action.LETTER, on=to, letter=name, to=to_address)
