"""A message to selected people, before it is sent."""

from functools import cached_property

from ondol.accounts.models import User
from ondol.web.message.form import MessageForm
from ondol.web.page import Page


class MessagePage(Page):
    """Name those who will get it, and ask for subject and text."""

    template = "message/page.html"
    form: MessageForm
    back: str
    """The address of the list, without its path."""
    origin: str
    """`machines` or `people`: the list that the reader came from."""

    def __init__(self, people: list[int], form: MessageForm, back: str, origin: str) -> None:
        self._people, self.form, self.back, self.origin = people, form, back, origin

    @cached_property
    def people(self) -> list[User]:
        return list(User.objects.filter(pk__in=self._people, is_active=True).order_by("name", "pk"))
