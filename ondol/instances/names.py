"""Names for files and tags."""

import re

from ondol.accounts.models import User


def ascii_name(user: User) -> str:
    """Return a short ASCII name, from the e-mail address."""
    return re.sub(r"[^a-z0-9]+", "-", user.email.partition("@")[0].lower()).strip("-")[:40] or "machine"
