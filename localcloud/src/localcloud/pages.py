"""Pagination as in EC2: an opaque token, 5 to 1000 results a page, everything at once where nobody asks for pages."""

import base64
from collections.abc import Sequence
from typing import TypeVar

from localcloud.errors import AwsError, invalid_value

T = TypeVar("T")

LARGEST_PAGE = 1000


def page(things: Sequence[T], size: int | None, token: str | None) -> tuple[list[T], str | None]:
    if size is not None and not 5 <= int(size) <= LARGEST_PAGE:
        raise invalid_value(
            f"Value ( {size} ) for parameter maxResults is invalid. Expecting a value between 5 and {LARGEST_PAGE}."
        )
    return cut(things, int(size or LARGEST_PAGE), token)


def cut(things: Sequence[T], size: int, token: str | None) -> tuple[list[T], str | None]:
    """Return one page, and the token of the next if there is more."""
    start = _position(token)
    stop = start + size
    return list(things[start:stop]), _token(stop) if stop < len(things) else None


def _token(position: int) -> str:
    return base64.urlsafe_b64encode(f"next:{position}".encode()).decode()


def _position(token: str | None) -> int:
    if not token:
        return 0
    try:
        label, _, number = base64.urlsafe_b64decode(token.encode()).decode().partition(":")
        if label != "next":
            raise ValueError(token)
        return int(number)
    except ValueError:
        raise AwsError("InvalidNextToken", "The specified token is not valid") from None
