"""References: people tell them to administrators, who find them in the log."""

import secrets


def new_reference() -> str:
    """Return a new reference: 8 letters and digits without look-alikes."""
    return "".join(secrets.choice("23456789ABCDEFGHJKLMNPQRSTUVWXYZ") for _ in range(8))
