"""Why a wish is not met."""


class ActionError(Exception):
    """A wish that cannot be met now: `code` for programs, message and hint as sentences in the person's language."""

    def __init__(self, code: str, message: str, hint: str = "", status: int = 409) -> None:
        super().__init__(message)
        self.code, self.message, self.hint, self.status = code, message, hint, status
