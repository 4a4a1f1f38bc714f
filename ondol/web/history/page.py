"""The history of a machine, in pages."""

from functools import cached_property

from django.core import paginator

from ondol.accounts.models import User
from ondol.web.history.event import Event
from ondol.web.history.timeline import timeline
from ondol.web.page import Page

PER_PAGE = 30


class HistoryPage(Page):
    """Show the history of somebody's machines, newest first."""

    template = "history/page.html"
    owner: User
    is_mine: bool

    def __init__(self, owner: User, number: str | None, *, is_mine: bool) -> None:
        self.owner, self.is_mine = owner, is_mine
        self._number = number

    @cached_property
    def events(self) -> paginator.Page[Event]:
        return paginator.Paginator(timeline(self.owner), PER_PAGE).get_page(self._number)
