"""A form that waits in the session until somebody has shown who they are.

allauth would keep the whole request there, with its cookies: whoever reads a copy of the database could sign in.
"""

import time
from dataclasses import asdict, dataclass
from hmac import compare_digest
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.crypto import get_random_string

from ondol.accounts.places import is_here
from ondol.accounts.sessions import digest

_KEY = "ondol_suspended"
_LONGEST = 30 * 60
"""The seconds that a form waits."""
_LARGEST, _LARGEST_OF = 50_000, {"admin_invite_send": 400_000}
"""The most characters that are kept, more than any form of ours takes: also of a list with 300 long names."""


@dataclass(frozen=True)
class Suspended:
    """A form as it was sent: where to, its fields, and the page that it was on."""

    path: str
    name: str
    fields: list[tuple[str, str]]
    back: str
    browser: str = ""
    """The digest of a cookie that only the browser that sent the form has got."""
    at: float = 0
    """When it was sent, in seconds of the Unix epoch."""


def suspend(request: HttpRequest) -> str:
    """Keep the form of this request instead of an earlier one, and return the cookie needed to get it back.

    Return nothing if it is too large. The session alone is not enough: somebody with a copy of its cookie could leave a
    form that its owner's browser would send.
    """
    fields = [(name, value) for name, values in request.POST.lists() for value in values]
    fields = [(name, value) for name, value in fields if name != "csrfmiddlewaretoken"]
    form_name = (request.resolver_match.url_name if request.resolver_match else None) or ""
    if sum(len(name) + len(str(value)) for name, value in fields) > _LARGEST_OF.get(form_name, _LARGEST):
        return ""
    cookie = get_random_string(32)
    form = Suspended(request.get_full_path(), form_name, fields, _page_of(request), digest(cookie), time.time())
    request.session[_KEY] = asdict(form)
    return cookie


def give(response: HttpResponse, cookie: str) -> None:
    """Give the browser the cookie needed to get its form back."""
    response.set_cookie(
        settings.SUSPENDED_COOKIE_NAME, cookie, _LONGEST, secure=settings.SESSION_COOKIE_SECURE, httponly=True,
        samesite="Lax",
    )  # fmt: skip


def suspended(request: HttpRequest) -> Suspended | None:
    """Return the form that waits, if this browser has sent it and not long ago."""
    kept = request.session.get(_KEY)
    if not kept:
        return None
    form = Suspended(**kept)
    is_this = compare_digest(digest(request.COOKIES.get(settings.SUSPENDED_COOKIE_NAME, "")), form.browser)
    return form if is_this and 0 <= time.time() - form.at < _LONGEST else None


def forget(request: HttpRequest) -> None:
    """Forget the form that waits, if there is one."""
    if _KEY in request.session:
        del request.session[_KEY]


def _page_of(request: HttpRequest) -> str:
    page = request.headers.get("Referer", "")
    path = "/" + urlsplit(page).path.lstrip("/\\")  # two slashes would be another host
    return path if is_here(request, page) else "/"
