"""Room for a deep stack.

CPython keeps the frames of a thread in pieces of 16 kB. A loop whose calls begin where one ends gets a new piece from
the kernel for each call, and gives it back: for a dashboard 700 times, a third of its processor time. All frames above
a big one share its piece, which is as large again; the kernel gives only what is used of it.
"""

from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")
_WORDS = 40_000


def with_room(call: Callable[P, T], *args: P.args, **named: P.kwargs) -> T:
    """Return what the call returns."""
    return call(*args, **named)


with_room.__code__ = with_room.__code__.replace(co_stacksize=_WORDS)
