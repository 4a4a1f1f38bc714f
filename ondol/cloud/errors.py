"""What can go wrong in AWS, named by what to do next.

CloudError
├── Gone          nothing is there: carry on without it
├── AlreadyThere  look it up by its tag and adopt it
├── NotYet        the state does not allow it: check, and ask again soon
├── Throttled     slow down, ask again
├── Unreachable   no answer, a 5xx, or bad credentials: ask again; administrators are notified
├── Spent         this client token belongs to a dead or different launch: find out what became of it
├── NoCapacity    AWS has none left: notify the owner, try later
├── Quota         the account's limit: notify the owner, an administrator raises it
└── Refused       permission or configuration: an administrator has to fix it
    ├── Invalid       a parameter is not taken: leave it out, if it can be done without
    └── WrongAccount  another account or region: touch nothing
"""

from typing import ClassVar


class CloudError(Exception):
    """An AWS call that did not do what was asked. `code` is AWS's error code; the text is for the log only."""

    may_have_happened: ClassVar[bool] = False
    """The call may have taken effect: its answer was lost, or one of the SDK's own retries succeeded."""
    is_final: ClassVar[bool] = False
    """Asking again soon will not help."""

    def __init__(self, code: str, text: str = "") -> None:
        super().__init__(f"{code}: {text}" if text else code)
        self.code = code
        self.text = text


DENIED = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"})
"""Codes that mean: the IAM policy does not allow it."""


def is_denial(error: CloudError) -> bool:
    """Return whether the IAM policy does not allow it."""
    return error.code in DENIED


class Gone(CloudError):
    """Nothing is there: carry on without it."""


class AlreadyThere(CloudError):
    """The name is taken: look it up by tag, adopt it if it is ours."""


class NotYet(CloudError):
    """Its state does not allow it (starting, stopping, still attached): check, and ask again soon."""


class Throttled(CloudError):
    """Slow down, ask again."""

    may_have_happened = True


class Unreachable(CloudError):
    """No answer, a 5xx, or bad credentials. The call may have taken effect; ask again."""

    may_have_happened = True


class Spent(CloudError):
    """The client token belongs to a terminated or a different launch: find out what became of it."""


class NoCapacity(CloudError):
    """AWS has none left in this zone: notify the owner, try later."""

    is_final = True


class Quota(CloudError):
    """The account's limit is reached: notify the owner, an administrator raises it."""

    is_final = True


class Refused(CloudError):
    """Permission or configuration: asking again does not help until an administrator fixes it."""

    is_final = True


class Invalid(Refused):
    """A parameter, or its value, is not taken: asking without it may help."""


class WrongAccount(Refused):
    """These credentials belong to another account or region than the machines of this database."""
