"""Choose the language for a reader who has not chosen one in an account."""

from typing import Any

from django.conf import settings
from django.utils.translation import get_supported_language_variant
from django.utils.translation.trans_real import parse_accept_lang_header

from ondol.config import config


def language_of(request: Any) -> str:
    """Return the language chosen in this browser, else the installation's, else the one that the browser asks for."""
    chosen = chosen_in(request)
    return chosen or (settings.LANGUAGE_CODE if config().language != "auto" else _asked_for(request))


def chosen_in(request: Any) -> str:
    """Return the language that somebody has chosen in this browser by its switch; empty if nobody has."""
    chosen = request.COOKIES.get(settings.LANGUAGE_COOKIE_NAME, "")
    return chosen if chosen in dict(settings.LANGUAGES) else ""


def _asked_for(request: Any) -> str:
    for name, _ in parse_accept_lang_header(request.META.get("HTTP_ACCEPT_LANGUAGE", "")):
        try:
            return get_supported_language_variant(name)
        except LookupError:
            continue
    return settings.LANGUAGE_CODE
