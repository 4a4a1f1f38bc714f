"""Pages for a provider's sign-in that goes wrong: it does not answer as it should, or it was not finished."""

import logging
import re
from collections.abc import Callable
from dataclasses import dataclass

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse

from ondol.accounts.providers import UnfinishedSignIn, name_of
from ondol.config import config
from ondol.database.away import is_away
from ondol.web.page import Page

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class SilentProvider(Page):
    """The page about a provider that does not answer, or not as it should."""

    template = "errors/502.html"
    name: str


@dataclass(frozen=True)
class UnfinishedAtProvider(Page):
    """The page about a sign-in that somebody gave up, or finished too late."""

    template = "errors/unfinished.html"
    name: str


class Providers:
    """Turns what goes wrong in allauth's views of providers into a page that says so.

    allauth handles no error before it has sent somebody to an OpenID Connect issuer, and no incomplete answer.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if (name := _provider(request)) and response.status_code == 302:
            where = response.headers["Location"]
            if not where.startswith(("/", "https://", "http://")):
                return _silent(request, name, ValueError("no address to go to"))
        return response

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """Return the page for an exception of a view; Django's hook."""
        name = _provider(request)
        if not name or is_away(error) or isinstance(error, (Http404, PermissionDenied)):
            return None
        if isinstance(error, UnfinishedSignIn):
            return UnfinishedAtProvider(name).answer(request, status=401)
        return _silent(request, name, error)


def _provider(request: HttpRequest) -> str:
    """Return the name of the provider whose view this is; empty if it is another view."""
    match = request.resolver_match
    if match is None or not match.func.__module__.startswith("allauth.socialaccount.providers."):
        return ""
    return name_of(config(), match.kwargs.get("provider_id") or (match.url_name or "").partition("_")[0])


def _silent(request: HttpRequest, name: str, error: Exception) -> HttpResponse:
    log.warning("the sign-in of %s does not answer as it should: %s", name, _cause(error))
    return SilentProvider(name).answer(request, status=502)


def _cause(error: Exception) -> str:
    """Return what went wrong. Answers may carry tokens, so only the code of an error is taken from one."""
    status = getattr(getattr(error, "response", None), "status_code", None)
    code = re.search(r"\"error\"\s*:\s*\"([a-z_]{1,40})\"", str(error))
    return ", ".join(str(part) for part in (type(error).__name__, status, code and code[1]) if part)
