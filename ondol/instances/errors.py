"""Why a request is refused."""

from collections.abc import Iterator
from contextlib import contextmanager

from ondol.accounts.people import AccountError
from ondol.audit.record import Refusal


class ActionError(Refusal):
    """A request that cannot be met now: `code` for programs, message and hint as sentences in the person's language.

    `retry_after`: in how many seconds it can, if that is a matter of time.
    """

    def __init__(
        self, code: str, message: str, hint: str = "", status: int = 409, *, retry_after: int | None = None
    ) -> None:
        super().__init__(message)
        self.code, self.message, self.hint, self.status = code, message, hint, status
        self.retry_after = retry_after


@contextmanager
def as_action_error() -> Iterator[None]:
    """Raise what an account does not permit as ActionError, with its code, sentence and status."""
    try:
        yield
    except AccountError as error:
        raise ActionError(error.code, str(error), "", error.status) from None
