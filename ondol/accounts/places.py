"""Which addresses a browser may be led to by what somebody typed."""

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
