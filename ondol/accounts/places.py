"""Which addresses a browser may be sent to, and which page of ours it shows."""

from urllib.parse import urlsplit

from django.http import HttpRequest
from django.utils.http import url_has_allowed_host_and_scheme


def is_here(request: HttpRequest, address: str) -> bool:
    """Return whether an address is one of this site: a path from its root, or a full address.

    Django lets words pass that are neither; `redirect` takes them for the name of a view.
    """
    is_whole = address.startswith(("/", "http://", "https://"))
    return is_whole and url_has_allowed_host_and_scheme(
        address, {request.get_host()}, require_https=request.is_secure()
    )


def page_of_poll(request: HttpRequest) -> str | None:
    """Return the path of the page from which htmx sent this request; "/" if not of this site, None without htmx."""
    if "HX-Request" not in request.headers:
        return None
    address = request.headers.get("HX-Current-URL", "")
    if not is_here(request, address):
        return "/"
    parts = urlsplit(address)
    path = "/" + parts.path.lstrip("/\\")  # two slashes would be another host
    return f"{path}?{parts.query}" if parts.query else path
