"""Django's e-mail backend: it sends through the mail server, or into a folder, and stores the result."""

import threading
from collections.abc import Sequence
from contextvars import ContextVar
from datetime import datetime, timedelta
from typing import Any

from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend
from django.core.mail.backends.filebased import EmailBackend as FolderBackend

from ondol import clock
from ondol.config import config
from ondol.outbox import smtp, state
from ondol.outbox.causes import Cause, DeliveryError

SESSIONS = 4
"""The most sessions of a worker at once: its other threads stay free for machines, however slow a mail server is."""
_free = threading.BoundedSemaphore(SESSIONS)
delivered: ContextVar[bool] = ContextVar("delivered")
"""Whether the present job has delivered its e-mail. It may have none, if that was out of date."""


class Busy(Exception):
    """All sessions are in use."""

    retry_at: datetime

    def __init__(self) -> None:
        super().__init__()
        self.retry_at = clock.real_now() + timedelta(seconds=2)


class EmailBackend(BaseEmailBackend):
    """Sends each e-mail in a session of its own. Raises DeliveryError, or Busy."""

    def __init__(self, **options: Any) -> None:
        super().__init__(fail_silently=False)

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        """Send them, and return how many."""
        for message in email_messages:
            _send(message)
        return len(email_messages)


def _send(message: EmailMessage) -> None:
    if not _free.acquire(blocking=False):
        raise Busy
    try:
        if waits := state.await_turn():
            raise waits
        _deliver(message)
    except DeliveryError as error:
        error.to, error.subject = ", ".join(message.to), str(message.subject)
        raise
    finally:
        _free.release()
    delivered.set(True)


def _deliver(message: EmailMessage) -> None:
    try:
        hand_over(message)
    except DeliveryError as error:
        if error.is_of_server:
            error.retry_at = state.note_failure(error)
        else:
            state.note_answer(is_delivered=False)
        raise
    state.note_answer(is_delivered=True)


def hand_over(message: EmailMessage) -> None:
    """Give the e-mail to the mail server, or to the folder, and keep no record of it. Raises DeliveryError."""
    folder = config().mail_server.folder
    if folder is None:
        smtp.backend().send_messages([message])
        return
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        FolderBackend(file_path=str(folder)).send_messages([message])
    except OSError as error:
        raise DeliveryError(Cause.FOLDER, f"{folder}: {error.strerror}") from None
    except ValueError as error:
        raise DeliveryError(Cause.ADDRESS, str(error), is_final=True) from None
