"""CPython's garbage collector, while code is loaded and afterwards.

A worker has some 240,000 objects once it has loaded its code and Amazon's models, a web 140,000; each keeps them as
long as it lives. The collector goes through all of them now and then, while each thread waits: 120 ms in a worker, in
which a click waited, too.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without_collection() -> Iterator[None]:
    """Load code meanwhile: the collector would take a seventh of that time, and find next to nothing."""
    gc.disable()
    try:
        yield
    finally:
        keep_what_is_loaded()
        gc.enable()


def keep_what_is_loaded() -> None:
    """Let the collector pass over all that there is. Call it once a start is over.

    What is garbage already stays as well. To collect that first takes 0.1 s of each start, for 9,000 small objects.
    """
    gc.freeze()
