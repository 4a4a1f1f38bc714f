"""What happens around every page: PostgreSQL away, and the person's language."""

from collections.abc import Callable

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.utils import translation

from ondol.web.views import errors

Page = Callable[[HttpRequest], HttpResponse]


class Unavailable:
    """PostgreSQL is away: a designed page with 503 and Retry-After instead of a failure."""

    def __init__(self, get_response: Page) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """Django's hook for what a view raised."""
        return errors.unavailable(request) if isinstance(error, (OperationalError, InterfaceError)) else None


def language_of_person(get_response: Page) -> Page:
    """Somebody signed in sees the language they chose, on every device."""

    def middleware(request: HttpRequest) -> HttpResponse:
        if request.user.is_authenticated:
            translation.activate(request.user.language)
            request.LANGUAGE_CODE = translation.get_language()
        return get_response(request)

    return middleware
