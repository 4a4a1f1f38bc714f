"""The page behind the link in an e-mail about a stop."""

from datetime import datetime
from functools import cached_property

from ondol import clock
from ondol.accounts.models import User
from ondol.autostop.models import StopWarning
from ondol.instances.errors import ActionError
from ondol.policy.rules import rules_of
from ondol.web.page import Page
from ondol.web.stop_notice import StopNotice, stop_notice_on


class AwakeLinkPage(Page):
    """Say when the machine stops, with the button; or that it stays awake; or why the link does not work any more."""

    template = "awake_link/page.html"
    refusal: str
    """The reason why the link does not work any more; empty if it works."""
    hint: str
    """The next step after a refusal."""
    is_open: bool
    """True if the button is there, and has not been pressed."""

    def __init__(
        self,
        reader: User | None,
        warning: StopWarning | None,
        *,
        error: ActionError | None = None,
        is_open: bool = False,
    ) -> None:
        self.refusal, self.hint = (error.message, error.hint) if error else ("", "")
        self.is_open = is_open
        self._row = warning.instance if warning else None
        self._reader = reader

    @property
    def of_another(self) -> User | None:
        """Return the owner if somebody else has signed in."""
        owner = self._row.owner if self._row else None
        return owner if self._reader and owner != self._reader else None

    @property
    def kept_awake_until(self) -> datetime | None:
        return self._row.kept_awake_until(clock.now()) if self._row else None

    @cached_property
    def stop_notice(self) -> StopNotice | None:
        return stop_notice_on(self._row, rules_of(self._row.owner_id)) if self._row else None
