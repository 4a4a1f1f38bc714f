"""The record, and the latest actions."""

from functools import cached_property

from django.core import paginator
from django.http import HttpRequest

from ondol.accounts.models import Decision, User
from ondol.audit.models import Entry
from ondol.instances.models import StatusChange
from ondol.policy.models import PolicyChange
from ondol.web.activity.entries import PER_PAGE, FilterForm, Row, of_person, row_of
from ondol.web.activity.lines import Line, told
from ondol.web.page import Page


class ActivityPage(Page):
    """Show the record; below it decisions, changes of machines and of rules, which go back further."""

    template = "activity/page.html"
    form: FilterForm
    query: str
    """What is filtered by, as an address has it."""

    def __init__(self, request: HttpRequest) -> None:
        self.form, self.query = FilterForm(request.GET), f"?{request.GET.urlencode()}"
        self._number = request.GET.get("page", "1")

    @cached_property
    def entries(self) -> paginator.Page[Entry]:
        """Return one page of the record; for a number that does not exist, the nearest."""
        return paginator.Paginator(self.form.found(), PER_PAGE).get_page(self._number)

    @cached_property
    def rows(self) -> list[Row]:
        return [row_of(entry) for entry in self.entries.object_list]

    @cached_property
    def lines(self) -> list[Line]:
        return told(
            Decision.objects.select_related("user", "by"),
            StatusChange.objects.select_related("instance__owner", "by").order_by("-at", "-id"),
            PolicyChange.objects.select_related("owner", "by"),
        )


class MyActivityPage(Page):
    """Show the reader's own part of the record."""

    template = "activity/mine.html"

    def __init__(self, request: HttpRequest, reader: User) -> None:
        self._reader = reader
        self._number = request.GET.get("page", "1")

    @cached_property
    def entries(self) -> paginator.Page[Entry]:
        """Return one page of it."""
        return paginator.Paginator(of_person(self._reader), PER_PAGE).get_page(self._number)

    @cached_property
    def rows(self) -> list[Row]:
        return [row_of(entry, self._reader) for entry in self.entries.object_list]
