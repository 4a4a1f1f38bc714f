"""A list of people to invite, before and after it was read; and what an invited person sees."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from django.utils.translation import gettext_lazy as _

from ondol.accounts.invitations import DAYS, Fate, Planned
from ondol.accounts.invited_rows import MOST, Row
from ondol.accounts.models import User
from ondol.config import config
from ondol.web.invite.form import InviteForm, SendForm, sent
from ondol.web.page import Page

_WORDS = {
    Fate.INVITE: _("Invite"),
    Fate.CLAIM: _("Invite: somebody asked with this address and never proved it"),
    Fate.APPROVE: _("Waiting: will be approved"),
    Fate.THERE: _("There already: nothing to do"),
    Fate.INVITED: _("Invited already, not signed in yet: nothing to do"),
    Fate.SUSPENDED: _("Suspended: left as they are"),
    Fate.REJECTED: _("Rejected: left as they are"),
    Fate.TAKEN: _("Somebody has just given this address up and may take it back: left alone"),
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of the preview."""

    row: Row
    user: User | None
    """Who has the address already."""
    is_act: bool
    is_wrong: bool
    word: str
    """What will happen, or what is wrong."""


def _entry(planned: Planned) -> Entry:
    is_wrong = planned.fate == Fate.WRONG
    word = planned.row.error if is_wrong else str(_WORDS[planned.fate])
    return Entry(planned.row, planned.user, planned.fate.is_act, is_wrong, word)


class InvitePage(Page):
    """Ask for a file or for rows; with these, show what will happen with each."""

    template = "invite/page.html"
    form: InviteForm

    def __init__(self, form: InviteForm) -> None:
        self.form = form

    @property
    def most(self) -> int:
        return MOST


class PreviewPage(Page):
    """Show what will happen with each row, and the button that does it."""

    template = "invite/preview.html"

    def __init__(self, planned: Sequence[Planned]) -> None:
        self._planned = planned

    @cached_property
    def entries(self) -> list[Entry]:
        """Return all rows, those with an error first."""
        return sorted(map(_entry, self._planned), key=lambda entry: not entry.is_wrong)

    @cached_property
    def acts(self) -> list[Planned]:
        return [planned for planned in self._planned if planned.fate.is_act]

    @property
    def to_invite(self) -> int:
        return sum(planned.fate != Fate.APPROVE for planned in self.acts)

    @property
    def to_approve(self) -> int:
        return len(self.acts) - self.to_invite

    @property
    def wrong(self) -> int:
        return sum(entry.is_wrong for entry in self.entries)

    @property
    def left(self) -> int:
        """Return how many rows need nothing."""
        return len(self._planned) - len(self.acts) - self.wrong

    @property
    def form(self) -> SendForm:
        return SendForm(initial={"rows": sent([planned.row for planned in self.acts])})

    @property
    def days(self) -> int:
        return DAYS


class InvitationPage(Page):
    """Say who is invited, with the button; or why the link does not work."""

    template = "invite/invitation.html"

    def __init__(self, person: User | None, refusal: str = "") -> None:
        self.person, self.refusal = person, refusal

    person: User | None
    refusal: str
    """The reason why the link does not work; empty if it does."""

    @property
    def has_passwords(self) -> bool:
        return config().password_sign_in
