"""Days and times in the reader's language: the same form on pages, in e-mails and in error messages."""

from datetime import date, datetime

from django.utils import formats, timezone
from django.utils.translation import get_language


def day(value: date) -> str:
    """Return a day: `3 Jun 2026`."""
    return formats.date_format(value, "Y년 n월 j일" if get_language() == "ko" else "j M Y")


def full(value: datetime) -> str:
    """Return a time with its zone: `3 Jun 2026, 14:05 KST`."""
    pattern = "Y년 n월 j일 H:i T" if get_language() == "ko" else "j M Y, H:i T"
    return formats.date_format(timezone.localtime(value), pattern)
