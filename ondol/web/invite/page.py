"""The pages for a list of people to invite, before and after it was read; and the page that an invited person sees."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from django.utils.translation import gettext_lazy as _

from ondol.accounts.invitations import DAYS, Fate, Planned
from ondol.accounts.invited_rows import MOST, Row
from ondol.accounts.models import User
from ondol.config import config
from ondol.web.invite.form import InviteForm, SendForm, language_of, languages, sent
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
    field: str
    """The name of the field with the language; empty where there is none to choose."""


def _entries(planned: Iterable[Planned]) -> Iterator[Entry]:
    number = 0
    for one in planned:
        is_wrong, has_language = one.fate == Fate.WRONG, one.fate in {Fate.INVITE, Fate.CLAIM}
        word = one.row.error if is_wrong else str(_WORDS[one.fate])
        field = language_of(number) if has_language else ""
        yield Entry(one.row, one.user, one.fate.is_act, is_wrong, word, field)
        number += one.fate.is_act


@dataclass(frozen=True, slots=True)
class Lines:
    """Lines of the list, by their numbers."""

    numbers: list[int]

    @property
    def count(self) -> int:
        return len(self.numbers)

    @property
    def told(self) -> str:
        """Return the numbers of the first ten: `14, 22`."""
        return ", ".join([*map(str, self.numbers[:10]), *["…"][: len(self.numbers) > 10]])


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

    def __init__(self, planned: Sequence[Planned], asked: InviteForm) -> None:
        self._planned, self._asked = planned, asked.cleaned_data
        self._has_both = bool(self._asked["file"] and asked.data.get("text", "").strip())

    @cached_property
    def entries(self) -> list[Entry]:
        """Return all rows: first those with an error, then those with unread cells."""
        return sorted(_entries(self._planned), key=lambda entry: (not entry.is_wrong, not entry.row.unread))

    @property
    def file(self) -> str:
        """Return the name of the file that was read; empty: pasted rows were."""
        return self._asked["file"].name if self._asked["file"] else ""

    @property
    def has_both(self) -> bool:
        """Return whether rows were also pasted, which are not read."""
        return self._has_both

    @property
    def text(self) -> str:
        """Return what was read, so that it can be changed."""
        return str(self._asked["text"])

    @property
    def language(self) -> str:
        """Return the language that was chosen for those whose line names none."""
        return str(self._asked["language"])

    @property
    def languages(self) -> list[tuple[str, str]]:
        return languages()

    @property
    def unread(self) -> "Lines":
        """Return the lines with unread cells."""
        return Lines(sorted(entry.row.line for entry in self.entries if entry.row.unread))

    @property
    def in_languages(self) -> list[tuple[str, int]]:
        """Return how many people are invited in which language, before languages are chosen one by one."""
        chosen = Counter(one.row.language for one in self.acts if one.fate != Fate.APPROVE)
        return [(word, chosen[value]) for value, word in languages() if chosen[value]]

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
    def wrong(self) -> "Lines":
        return Lines(sorted(entry.row.line for entry in self.entries if entry.is_wrong))

    @property
    def left(self) -> int:
        """Return how many rows need nothing."""
        return len(self._planned) - len(self.acts) - self.wrong.count

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
