"""References, which people tell administrators, who find them in the log."""

import secrets


def new_reference() -> str:
    """What a person tells an administrator, and what the log has: 8 letters and digits without look-alikes."""
    return "".join(secrets.choice("23456789ABCDEFGHJKLMNPQRSTUVWXYZ") for _ in range(8))
