"""That AWS could not be asked for a while: since when, and for administrators why and what mends it."""

from dataclasses import dataclass
from datetime import datetime

from ondol.accounts.models import User
from ondol.deployment.health import unconfirmed_since
from ondol.deployment.models import Deployment
from ondol.instances.messages.codes import silence
from ondol.instances.messages.texts import Text


@dataclass(frozen=True, slots=True)
class Unconfirmed:
    """What is shown is of `since`, on the machines' clock. The rest is for administrators, and empty for others."""

    since: datetime
    cause: Text = ""
    mend: Text = ""
    code: str = ""
    """AWS's."""


def unconfirmed(reader: User) -> Unconfirmed | None:
    """None while all is well."""
    since = unconfirmed_since()
    if since is None or not reader.is_admin:
        return Unconfirmed(since) if since else None
    kind, code = Deployment.current().values_list("trouble", "trouble_code").get()
    found = silence(kind)
    return Unconfirmed(since, found.cause, found.next_step, code)
