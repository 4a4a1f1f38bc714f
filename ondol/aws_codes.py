"""What the form of an AWS error code says, for the adapter and for the words to people, which may not reach it."""

_LIMITS = ("LimitExceeded", "LimitExceededException", "QuotaExceeded", "QuotaExceededException", "CountExceeded")


def is_of_limit(code: str) -> bool:
    """Return whether a code ends as those of limits do, also one that nobody has seen yet."""
    return code.endswith(_LIMITS)
