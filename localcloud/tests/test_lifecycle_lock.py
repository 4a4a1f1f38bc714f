"""Requests make machines while the lifecycle reads them: it does so only while it holds the lock."""

import asyncio
import threading
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

from localcloud.clock import Clock


class Region:
    """Records whether the reader holds the lock."""

    def __init__(self, lock: Any) -> None:
        self.lock = lock
        self.looks: list[bool] = []

    @property
    def machines(self) -> list[Any]:
        self.looks.append(self.lock._is_owned())
        return []


def test_the_lifecycle_looks_only_while_nobody_else_writes() -> None:
    from localcloud.lifecycle import Lifecycle  # here: it loads all of EC2, which each worker would otherwise do

    lock = threading.RLock()
    region = Region(lock)
    cloud: Any = SimpleNamespace(lock=lock, region=region, behind=False, commit=lambda: None, clock=Clock(0, 0))
    sandboxes: Any = SimpleNamespace(switched=None)

    async def some_looks() -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(Lifecycle(cloud, sandboxes).start(), 0.1)

    asyncio.run(some_looks())
    assert region.looks
    assert all(region.looks)
