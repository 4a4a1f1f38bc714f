"""Which announcement a page shows to its reader."""

import re
from functools import cached_property

from django.http import HttpRequest
from django.utils.translation import get_language

from ondol.accounts.places import page_of_poll
from ondol.announcements.acts import current
from ondol.announcements.models import Announcement, Kind

COOKIE = "ondol_announcement"
"""The cookie with the version that this browser has dismissed."""
_VERSION = re.compile(r"[0-9]{1,12}\.[0-9]{6}")


class Shown:
    """An announcement in the language of its reader."""

    text: str
    language: str
    """The language of the text."""
    version: str
    is_warning: bool
    is_other: bool
    """Whether it is in another language than the page."""
    path: str
    """The page to return to after it is dismissed."""

    def __init__(self, row: Announcement, request: HttpRequest) -> None:
        self.text, self.language = row.in_language(get_language())
        self.version, self.is_warning = row.version, row.kind == Kind.WARNING
        self.is_other = self.language != get_language()
        self.path = page_of_poll(request) or request.get_full_path()


def shown_on(request: HttpRequest) -> Shown | None:
    """Return what is shown on this page; at most one query."""
    is_signed_in = request.user.is_authenticated
    match = request.resolver_match
    if not is_signed_in and not (match and match.url_name == "account_login"):
        return None
    row = current()
    if row is None or not (is_signed_in or row.on_sign_in) or request.COOKIES.get(COOKIE) == row.version:
        return None
    return Shown(row, request)


def is_version(text: str) -> bool:
    """Return whether a text may be the version of an announcement."""
    return _VERSION.fullmatch(text) is not None


class Board:
    """Hold the announcement; apart from `site`, since allauth's sign-in page shows it, too."""

    def __init__(self, request: HttpRequest) -> None:
        self._request = request

    @cached_property
    def announcement(self) -> Shown | None:
        """Return the announcement for the reader; None if there is none, or it was dismissed."""
        return shown_on(self._request)

    @property
    def has_news(self) -> bool:
        """Return whether the polling page shows another announcement than it should."""
        has = self._request.GET.get("banner")
        return has is not None and has != (self.announcement.version if self.announcement else "")
