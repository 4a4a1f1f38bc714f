"""Limits of the e-mails that anybody can cause: to one address, from one sender, and in all.

An e-mail above a limit is not sent, and the page says the same as always: whoever asks must not learn who has an
account. It is logged and counted, and administrators are told when the limit for all is reached.
"""

import logging

from allauth.core.internal import ratelimit
from django.core.cache import cache
from django.http import HttpRequest

from ondol.accounts import letters, people
from ondol.accounts.mail import write
from ondol.accounts.models import User
from ondol.metrics import LETTERS_LEFT_OUT
from ondol.outbox.jobs import send_later

log = logging.getLogger(__name__)
TASK = "ondol.accounts.letters_left_out"
LIMITS = {"sender": "100/1h/ip", "address": "5/1h/key", "all": "500/1h/key"}
"""They are checked in this order: a sender above their own limit uses up nobody else's."""
_TOLD_FOR = 24 * 3600
"""Administrators are not told again for so many seconds."""


def write_later(request: HttpRequest, template: str, to: str, about: int = 0) -> None:
    """Enqueue an e-mail that this request has caused, unless there were too many."""
    keys = {"sender": "", "address": to.lower(), "all": "all"}
    for limit, rate in LIMITS.items():
        used = ratelimit.consume(
            request, app="ondol", action="letter", config={"letter": rate}, key=keys[limit], limit_get=True
        )
        if not used:
            _leave_out(limit, template)
            return
    letters.write_later(template, to, about)


def _leave_out(limit: str, template: str) -> None:
    LETTERS_LEFT_OUT.labels(limit=limit).inc()
    log.warning("a letter is left out: too many in an hour", extra={"limit": limit, "template": template})
    if limit == "all" and cache.add("letters:told", True, _TOLD_FOR):
        for admin in people.administrators():
            send_later(TASK, to=admin.pk)


def tell(to: User) -> None:
    """Tell an administrator that the limit for all is reached."""
    if to.is_admin:
        write(to, "letters_left_out", {"most": ratelimit.parse_rate(LIMITS["all"]).amount})
