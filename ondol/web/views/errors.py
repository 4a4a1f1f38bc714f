"""Designed pages for what went wrong."""

from django.http import HttpRequest, HttpResponse


def unavailable(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """503: PostgreSQL is away."""
    return HttpResponse("unavailable", status=503, headers={"Retry-After": "5"})


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """403: the form is too old, or came from elsewhere."""
    return HttpResponse("csrf", status=403)
