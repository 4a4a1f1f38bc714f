"""What the form of an AWS error code says; for the adapter, and for messages, which may not import the adapter."""

_LIMITS = ("LimitExceeded", "LimitExceededException", "QuotaExceeded", "QuotaExceededException", "CountExceeded")


def is_of_capacity(code: str) -> bool:
    """Return whether a code says that AWS has none left, also one that nobody has seen yet."""
    return "Insufficient" in code and code.endswith("Capacity")


def is_of_limit(code: str) -> bool:
    """Return whether a code, known or not, ends as the codes of limits do."""
    return code.endswith(_LIMITS)
