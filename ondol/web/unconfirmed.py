"""The notice that AWS does not answer: since when, and for administrators why and how to fix it."""

from dataclasses import dataclass
from datetime import datetime

from ondol.accounts.models import User
from ondol.deployment.health import is_waiting, unconfirmed_since
from ondol.deployment.models import Deployment
from ondol.instances.messages.codes import silence
from ondol.instances.messages.texts import Text


@dataclass(frozen=True, slots=True)
class Unconfirmed:
    """The notice: what is shown is from `since`, on the machines' clock. The rest is for administrators, else empty."""

    since: datetime
    cause: Text = ""
    next_step: Text = ""
    code: str = ""
    """The code from AWS."""


def unconfirmed(reader: User) -> Unconfirmed | None:
    """Return the notice; None while all is well."""
    since = unconfirmed_since()
    if since is None or not reader.is_admin:
        return Unconfirmed(since) if since else None
    kind, code = Deployment.current().values_list("trouble", "trouble_code").get()
    found = silence(kind or ("Unreachable" if is_waiting() else ""))
    return Unconfirmed(since, found.cause, found.next_step, code)
