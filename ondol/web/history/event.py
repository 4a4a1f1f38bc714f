"""One line of a history."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from ondol.accounts.models import User
from ondol.instances.messages.texts import Text
from ondol.instances.record import Receipt


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened to a machine."""

    at: datetime
    what: Text
    why: Text = ""
    by: User | None = None
    """The person who asked for it."""
    ran: timedelta | None = None
    """The length of the run that ended with it."""
    receipt: Receipt | None = None
    is_lease: bool = False
    """True if `ran` is the length of a lease, and not of a run."""
    until: datetime | None = None
    """Until when it was to be kept awake."""
    stops_at: datetime | None = None
    """The stop that an e-mail has announced."""
    size: str = ""
    """The size, such as `t3.small, 30 GiB`, if it has changed."""
