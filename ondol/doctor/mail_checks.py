"""Does the mail server take e-mails, and which ones has it not taken? Nothing is sent."""

import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from django.utils import timezone

from ondol.config import config
from ondol.doctor.findings import Finding, ok, warning
from ondol.mail_server import MailServer
from ondol.outbox import smtp
from ondol.outbox.causes import Cause, DeliveryError
from ondol.outbox.summary import summary


def server() -> Iterator[Finding]:
    """Connect, encrypt and sign in, as each e-mail does."""
    target = config().mail_server
    if target.folder is not None:
        yield _folder(target.folder)
        return
    try:
        session = smtp.backend(limit=smtp.PROBE).probe()
    except DeliveryError as error:
        yield warning("mail", error.cause, server=f"{target.host}:{target.port}", answer=error.answer)
        return
    yield _sound(session)


def outbox() -> Iterator[Finding]:
    """Tell the last success, what waits and what was given up."""
    seen = summary()
    words = {"count": seen.waiting, "delivered": _moment(seen.delivered_at)}
    if seen.given_up:
        yield warning("outbox", "given_up", count=seen.given_up)
    if seen.failing_since:
        yield warning("outbox", "held", since=_moment(seen.failing_since), **words)
    elif seen.delivered_at:
        yield ok("outbox", "flowing", **words)
    else:
        yield ok("outbox", "none", count=seen.waiting)


def _sound(session: smtp.Session) -> Finding:
    target: MailServer = session.server
    words = {"server": session.name, "tls": session.tls, "user": target.user}
    if target.user:
        return ok("mail", "signed_in", **words)
    return ok("mail", "encrypted", **words) if session.tls else ok("mail", "clear", **words)


def _folder(folder: Path) -> Finding:
    nearest = next(path for path in (folder, *folder.parents) if path.exists())
    if not os.access(nearest, os.W_OK):
        return warning("mail", Cause.FOLDER, server=folder, answer="")
    return warning("mail", "files", folder=folder) if config().cloud == "aws" else ok("mail", "files", folder=folder)


def _moment(at: datetime | None) -> str:
    return timezone.localtime(at).strftime("%Y-%m-%d %H:%M %Z") if at else "–"
