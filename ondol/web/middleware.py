"""What happens around every page: a health check, PostgreSQL away, the language, and who may use allauth's pages."""

from collections.abc import Callable
from typing import Any, cast

from django.conf import settings
from django.contrib.auth import logout
from django.core.exceptions import MiddlewareNotUsed
from django.http import HttpRequest, HttpResponse
from django.utils import translation
from django.utils.cache import add_never_cache_headers, patch_vary_headers

from ondol.accounts.recent import has_ended
from ondol.api import refusals
from ondol.api.throttle import PER_PERSON
from ondol.config import config
from ondol.database.away import is_away
from ondol.host.gateway import HEALTH, TOO_BIG, UNAVAILABLE
from ondol.language import forget_choice, language_of
from ondol.web import health
from ondol.web.errors import views as errors
from ondol.web.guards import PersonRequest, where_they_stand

Page = Callable[[HttpRequest], HttpResponse]


def healthz(get_response: Page) -> Page:
    """Answer before anything else: load balancers use the IP address, without https, host name or session."""

    def middleware(request: HttpRequest) -> HttpResponse:
        if request.path != HEALTH or TOO_BIG in request.META:  # that is answered without the database
            return get_response(request)
        if trouble := health.trouble():
            return HttpResponse(f"{trouble}\n", "text/plain", 503, headers={"Retry-After": "5"})
        return HttpResponse("ok\n", "text/plain", headers={"Cache-Control": "no-store"})

    return middleware


def no_such_file(get_response: Page) -> Page:
    """Answer 404 for files that WhiteNoise has not found: a page would wait for the database, in a thread for files."""

    def middleware(request: HttpRequest) -> HttpResponse:
        if not request.path.startswith(settings.STATIC_URL):
            return get_response(request)
        return HttpResponse("There is no such file.\n", "text/plain", 404)

    return middleware


def without_proxy(get_response: Page) -> Page:
    """Report a proxy that does not say whether a browser uses https: a redirect would be an endless loop.

    `ondol web` refuses https without ONDOL_BEHIND_PROXY at its start; only a request shows that the header is missing.
    """
    if not settings.HTTPS:
        raise MiddlewareNotUsed

    def middleware(request: HttpRequest) -> HttpResponse:
        if settings.SECURE_PROXY_SSL_HEADER and "X-Forwarded-Proto" in request.headers:
            return get_response(request)
        return HttpResponse(_NO_PROXY, "text/plain; charset=utf-8", 500, headers={"Cache-Control": "no-store"})

    return middleware


def api_by_https_only(get_response: Page) -> Page:
    """Refuse calls of the API by http instead of redirecting them, so that whoever wrote the program notices."""
    if not settings.HTTPS:
        raise MiddlewareNotUsed

    def middleware(request: HttpRequest) -> HttpResponse:
        if request.path.startswith("/api/") and not request.is_secure():
            return refusals.https_required(request)
        return get_response(request)

    return middleware


def nothing_left_behind(get_response: Page) -> Page:
    """Let browsers delete cached pages, what scripts have stored, and the choice of a language at sign-out; other
    cookies expire by themselves."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        match = request.resolver_match
        if request.method == "POST" and match and match.url_name == "account_logout":
            response.headers["Clear-Site-Data"] = '"cache", "storage"'
            forget_choice(response)
        return response

    return middleware


_NO_PROXY = """\
Ondol is served with https by a reverse proxy (ONDOL_URL), and this request has come without X-Forwarded-Proto.
Open the address in ONDOL_URL. If that shows this text, too, the proxy has to set X-Forwarded-Proto, and Ondol needs
ONDOL_BEHIND_PROXY=true: docs/operations.md, "Behind a reverse proxy".

이 요청에는 X-Forwarded-Proto가 없습니다. ONDOL_URL의 주소로 접속하십시오. 그래도 이 글이 보이면 프록시가
X-Forwarded-Proto를 설정하고 ONDOL_BEHIND_PROXY=true여야 합니다.
"""


def for_this_site(get_response: Page) -> Page:
    """Protect pages and files from other sites, and deny our pages the reader's devices, which none of them needs.

    Files use no devices, and their answers are shorter without the list.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        response.headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
        if response.headers.get("Content-Type", "").startswith("text/html"):
            response.headers.setdefault("Permissions-Policy", _NO_DEVICES)
        return response

    return middleware


_NO_DEVICES = ", ".join(
    f"{feature}=()"
    for feature in (
        *("accelerometer", "camera", "display-capture", "geolocation", "gyroscope", "hid", "magnetometer"),
        *("microphone", "midi", "payment", "screen-wake-lock", "serial", "usb", "xr-spatial-tracking"),
    )
)


class Unavailable:
    """Turns errors of a missing PostgreSQL into a designed page with 503 and Retry-After; also the errors that the
    gateway in front reports.

    Exceptions of a middleware come to `errors.server_error`, which asks the same question.
    """

    def __init__(self, get_response: Page) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if UNAVAILABLE in request.META:
            return errors.unavailable(request)
        return errors.too_big(request) if TOO_BIG in request.META else self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """Return the page for an exception of a view; Django's hook."""
        return errors.unavailable(request, error) if is_away(error) else None


def language_of_browser(get_response: Page) -> Page:
    """Set the language for people who are not signed in, and for errors before that is known; not for files."""

    def middleware(request: HttpRequest) -> HttpResponse:
        if request.path.startswith(settings.STATIC_URL):
            return get_response(request)
        _speak(request, language_of(request))
        response = get_response(request)
        response.headers.setdefault("Content-Language", translation.get_language() or settings.LANGUAGE_CODE)
        patch_vary_headers(response, ["Cookie", "Accept-Language"])
        return response

    return middleware


def ends_in_time(get_response: Page) -> Page:
    """Sign people out two weeks after their sign-in, whatever has happened in the session since."""

    def middleware(request: HttpRequest) -> HttpResponse:
        if request.user.is_authenticated and has_ended(request):
            logout(request)
        return get_response(request)

    return middleware


def language_of_person(get_response: Page) -> Page:
    """Set the language that a signed-in person has chosen, on every device."""

    def middleware(request: HttpRequest) -> HttpResponse:
        if request.user.is_authenticated:
            _speak(request, request.user.language)
        return get_response(request)

    return middleware


def never_kept(get_response: Page) -> Page:
    """Let no browser cache a page of a signed-in person, allauth's included: others may use the browser next."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        if request.user.is_authenticated and "Cache-Control" not in response.headers:
            add_never_cache_headers(response)
        return response

    return middleware


class NotTooOften:
    """Limits the requests by buttons of pages, for each session."""

    def __init__(self, get_response: Page) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> HttpResponse | None:
        """Return a refusal for too many requests; Django's hook."""
        name = request.resolver_match.url_name if request.resolver_match else None
        is_wish = request.method == "POST" and not request.path.startswith("/api/") and name not in _PROTECT
        if not is_wish or not (person := request.user.pk):
            return None
        through = f"session-{request.session.session_key}"
        is_allowed = PER_PERSON.allows(person, is_read=False, through=through)
        return None if is_allowed else errors.too_many(request, PER_PERSON.wait())


_PROTECT = {
    *("account_logout", "usersessions_list", "token_revoke", "account_change_password", "account_set_password"),
    *("account_reauthenticate", "mfa_reauthenticate", "mfa_reauthenticate_webauthn", "mfa_remove_webauthn"),
    *("mfa_deactivate_totp", "mfa_generate_recovery_codes", "socialaccount_connections", "machine_stop"),
}
"""Views that sign others out, or stop costs. They are not counted: a thief with a copy of the session's cookie could
use up the limit. allauth limits those where something could be guessed."""


def _speak(request: HttpRequest, language: str) -> None:
    translation.activate(language)
    request.LANGUAGE_CODE = translation.get_language()


_OF_PASSWORDS = {
    *("account_change_password", "account_set_password", "account_reset_password", "account_reset_password_done"),
    *("account_reset_password_from_key", "account_reset_password_from_key_done"),
}
_FOR_EVERYBODY = {"account_logout", "account_login", "account_confirm_email", "account_email_verification_sent"}


def designed_405(get_response: Page) -> Page:
    """Return a page for a wrong method: Django answers with nothing, which a browser shows as its own failure."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        is_bare = response.status_code == 405 and not response.streaming and not response.content
        return errors.not_allowed(request, response) if is_bare and request.method == "GET" else response

    return middleware


class ApprovedOnly:
    """Restricts allauth's pages for one's account to approved people, like every other page."""

    def __init__(self, get_response: Page) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> HttpResponse | None:
        """Return a refusal before a view; Django's hook."""
        match = request.resolver_match
        if match is None or not match.route.startswith("accounts/"):
            return None
        if match.url_name in _OF_PASSWORDS and not config().password_sign_in:
            return errors.not_found(request)
        if match.url_name in _FOR_EVERYBODY:
            return None
        if request.user.is_authenticated and not request.user.is_approved:
            return where_they_stand(cast(PersonRequest, request))
        return None
