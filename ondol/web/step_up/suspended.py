"""A form that waits in the session until somebody has shown who they are.

allauth would keep the whole request there, with its cookies: a copy of the database would sign in whoever reads it.
"""

from dataclasses import asdict, dataclass
from urllib.parse import urlsplit

from django.http import HttpRequest

from ondol.accounts.places import is_here

_KEY = "ondol_suspended"
_LARGEST = 50_000
"""The most characters that are kept: more than any form of ours takes."""


@dataclass(frozen=True)
class Suspended:
    """A form as it was sent: where to, its fields, and the page that it was on."""

    path: str
    name: str
    fields: list[tuple[str, str]]
    back: str


def suspend(request: HttpRequest) -> bool:
    """Keep the form of this request instead of an earlier one; return False if it is too large."""
    fields = [(name, value) for name, values in request.POST.lists() for value in values]
    fields = [(name, value) for name, value in fields if name != "csrfmiddlewaretoken"]
    if sum(len(name) + len(str(value)) for name, value in fields) > _LARGEST:
        return False
    name = request.resolver_match.url_name if request.resolver_match else None
    form = Suspended(request.get_full_path(), name or "", fields, _page_of(request))
    request.session[_KEY] = asdict(form)
    return True


def suspended(request: HttpRequest) -> Suspended | None:
    """Return the form that waits, if there is one."""
    kept = request.session.get(_KEY)
    return Suspended(**kept) if kept else None


def forget(request: HttpRequest) -> None:
    """Forget the form that waits, if there is one."""
    if _KEY in request.session:
        del request.session[_KEY]


def _page_of(request: HttpRequest) -> str:
    page = request.headers.get("Referer", "")
    return urlsplit(page).path or "/" if is_here(request, page) else "/"
