"""CPython's garbage collector, while code is loaded and afterwards.

A worker has some 240,000 objects once it has loaded its code and Amazon's models, a web process 140,000, for as long as
it lives. The collector scans all of them now and then, while all threads wait: 120 ms in a worker, which also delayed
clicks.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without_collection() -> Iterator[None]:
    """Switch the collector off while code is loaded: it would take a seventh of that time, and find next to nothing."""
    gc.disable()
    try:
        yield
    finally:
        keep_what_is_loaded()
        gc.enable()


def keep_what_is_loaded() -> None:
    """Let the collector skip all present objects. Call it once, at the end of the start.

    Present garbage stays, too: collecting it first would take 0.1 s of each start, for 9,000 small objects.
    """
    gc.freeze()
