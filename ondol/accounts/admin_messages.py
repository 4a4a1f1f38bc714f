"""Messages that administrators write to people: an e-mail to each, with its row in the record, which has the text."""

from allauth.core.internal import ratelimit
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest
from django.utils.translation import gettext as _

from ondol.accounts.mail import write
from ondol.accounts.models import User, validate_prose, validate_shown
from ondol.accounts.people import AccountError, no_such_person, require_administrator
from ondol.accounts.text import clean, clean_line
from ondol.audit.models import Entry
from ondol.audit.record import Action, refusals
from ondol.audit.record import write as record
from ondol.config import config
from ondol.outbox.jobs import send_later

TASK = "ondol.accounts.message"
SUBJECT_MAX, TEXT_MAX = 150, 5000
LIMITS = {"address": "5/1h/key", "sender": "500/1h/key"}
"""How many messages one person gets, and one administrator writes."""


def write_later(request: HttpRequest, by: User, user_id: int, subject: str, text: str) -> User:
    """Record a message and enqueue its e-mail. Raises AccountError."""
    person = User.objects.filter(pk=user_id).first()
    with refusals(Action.MESSAGE, by=by, on=person), transaction.atomic():
        require_administrator(by)
        if person is None or not person.is_active:
            raise no_such_person()
        subject, text = _checked(subject, text)
        _require_room(request, by, person)
        entry = record(Action.MESSAGE, by=by, on=person, subject=subject, text=text)
        send_later(TASK, entry=entry.pk)
    return person


def send(entry: int) -> None:
    """Send one, to the address that its reader has now; nothing if they are gone."""
    row = Entry.objects.filter(pk=entry, action=Action.MESSAGE).first()
    reader = User.objects.filter(pk=row.on_id, is_active=True).first() if row and row.on_id else None
    if row is None or reader is None:
        return
    by = User.objects.filter(pk=row.by_id).first() if row.by_id else None
    about = {"subject": row.details["subject"], "text": row.details["text"], "link": config().url}
    write(reader, "message", {**about, "person": reader, "name": by.name if by else "", "email": row.by_email})


def _checked(subject: str, text: str) -> tuple[str, str]:
    subject, text = clean_line(subject), clean(text.replace("\r\n", "\n"))
    if not subject or not text:
        raise AccountError(_("Write a subject and a text."), "no_text", 422)
    if len(subject) > SUBJECT_MAX or len(text) > TEXT_MAX:
        raise AccountError(_("The subject or the text is too long."), "text_too_long", 422)
    try:
        validate_shown(subject)
        validate_prose(text)
    except ValidationError as error:
        raise AccountError(error.messages[0], "control_characters", 422) from None
    return subject, text


def _require_room(request: HttpRequest, by: User, person: User) -> None:
    keys = {"address": f"to:{person.pk}", "sender": f"by:{by.pk}"}
    for limit, rate in LIMITS.items():
        if not ratelimit.consume(request, app="ondol", action="message", config={"message": rate}, key=keys[limit]):
            raise AccountError(
                _("Too many messages in an hour. Try again later, or use your own mail program."),
                "too_many_messages",
                429,
            )
