"""Choose the language for a reader who has not chosen one in an account."""

from functools import partial
from typing import Any

from django.conf import settings
from django.http import HttpResponse
from django.utils.translation import get_supported_language_variant
from django.utils.translation.trans_real import parse_accept_lang_header

from ondol.config import config

_HOUR, YEAR = 60 * 60, 366 * 24 * 60 * 60
"""Seconds."""


def language_of(request: Any) -> str:
    """Return the language chosen in this browser, else the installation's, else the one that the browser asks for."""
    chosen = chosen_in(request)
    return chosen or (settings.LANGUAGE_CODE if config().language != "auto" else _asked_for(request))


def chosen_in(request: Any) -> str:
    """Return the language that somebody has chosen in this browser by its switch; empty if nobody has."""
    chosen = request.COOKIES.get(settings.LANGUAGE_COOKIE_NAME, "")
    return chosen if chosen in dict(settings.LANGUAGES) else ""


def chosen_just_now_in(request: Any) -> bool:
    """Return whether it was chosen in the last hour, most likely by whoever signs in now."""
    return bool(chosen_in(request) and request.COOKIES.get(settings.LANGUAGE_CHOICE_COOKIE_NAME))


def remember(response: HttpResponse, language: str, *, is_choice: bool = False) -> HttpResponse:
    """Let this browser keep a language; `is_choice` if somebody has just chosen it by the switch."""
    keep = partial(response.set_cookie, secure=settings.LANGUAGE_COOKIE_SECURE, httponly=True, samesite="Lax")
    keep(settings.LANGUAGE_COOKIE_NAME, language, max_age=YEAR)
    if is_choice:
        keep(settings.LANGUAGE_CHOICE_COOKIE_NAME, "1", max_age=_HOUR)
    return response


def forget_choice(response: HttpResponse) -> None:
    """Forget the language chosen by the switch, so that whoever signs in here next gets their own language."""
    response.delete_cookie(settings.LANGUAGE_CHOICE_COOKIE_NAME, samesite="Lax")


def _asked_for(request: Any) -> str:
    for name, _ in parse_accept_lang_header(request.META.get("HTTP_ACCEPT_LANGUAGE", "")):
        try:
            return get_supported_language_variant(name)
        except LookupError:
            continue
    return settings.LANGUAGE_CODE
