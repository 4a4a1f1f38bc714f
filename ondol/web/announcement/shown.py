"""Which announcement a page shows to its reader."""

from django.http import HttpRequest
from django.utils.translation import get_language

from ondol.announcements.acts import current
from ondol.announcements.models import Announcement, Kind

COOKIE = "ondol_announcement"
"""It has the version that this browser has dismissed."""


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
        self.path = "/" if "HX-Request" in request.headers else request.get_full_path()


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


def is_news(request: HttpRequest) -> bool:
    """Return whether an open page that asks shows another announcement than it should."""
    has = request.GET.get("banner")
    if has is None:
        return False
    shown = shown_on(request)
    return has != (shown.version if shown else "")
