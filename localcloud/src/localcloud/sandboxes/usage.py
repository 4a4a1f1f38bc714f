"""What a sandbox has used since its supervisor began. The numbers only grow."""

from dataclasses import astuple, dataclass


@dataclass(frozen=True)
class Usage:
    """CPU seconds, bytes read from and written to the disk, bytes received and sent over the network."""

    cpu: float = 0.0
    read: int = 0
    written: int = 0
    received: int = 0
    sent: int = 0

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(*(one + two for one, two in zip(astuple(self), astuple(other), strict=True)))

    def since(self, before: "Usage") -> "Usage":
        """Return the difference; never negative, although the kernel may subtract pages that were written."""
        return Usage(*(max(0, one - two) for one, two in zip(astuple(self), astuple(before), strict=True)))
