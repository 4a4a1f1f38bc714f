"""The page object that a template gets; its class declares everything that may be read."""

from typing import ClassVar

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from ondol.database.kept import one_look


class Page:
    """Hold all that the templates of one page read, each name with its type. They get only this, as `page`.

    mypy checks these classes; `tests/web/test_templates.py` checks the names in the templates against them.
    """

    template: ClassVar[str] = ""
    """The template of the whole page; empty for a part of another."""
    fragment: ClassVar[str] = ""
    """The template of what htmx replaces, if there is any."""

    def answer(self, request: HttpRequest, status: int = 200) -> HttpResponse:
        """Return the whole page."""
        with one_look():
            return render(request, self.template, {"page": self}, status=status)

    def swap(self, request: HttpRequest) -> HttpResponse:
        """Return what htmx puts into a page that is open."""
        with one_look():
            return render(request, self.fragment, {"page": self})
