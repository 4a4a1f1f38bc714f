"""Requests make machines while the caretaker looks at them: it looks only while it holds the lock."""

import asyncio
import threading
from types import SimpleNamespace
from typing import Any

from localcloud.caretaker import Caretaker


class Region:
    """Notes whether whoever looks holds the lock."""

    def __init__(self, lock: Any) -> None:
        self.lock, self.looks = lock, [True]

    @property
    def machines(self) -> list[Any]:
        self.looks.append(self.lock._is_owned())
        return []


def test_the_caretaker_looks_only_while_nobody_else_writes() -> None:
    lock = threading.RLock()
    region = Region(lock)
    cloud: Any = SimpleNamespace(lock=lock, region=region, behind=False, commit=lambda: None)
    boxes: Any = SimpleNamespace(switched=None)

    async def some_looks() -> bool:
        caretaker = Caretaker(cloud, boxes)
        task = caretaker.start()
        await asyncio.sleep(0.05)
        was_well = not task.done()
        task.cancel()
        return was_well

    assert asyncio.run(some_looks())
    assert len(region.looks) > 3
    assert all(region.looks)
