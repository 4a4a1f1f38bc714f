"""The loop of the lifecycle: it looks while it holds the lock, as requests make machines meanwhile, and it ends."""

import asyncio
import threading
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

import pytest

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


@pytest.fixture
def region() -> Region:
    return Region(threading.RLock())


@pytest.fixture
def lifecycle(region: Region) -> Any:
    from localcloud.lifecycle import Lifecycle  # here: it loads all of EC2, which each worker would otherwise do

    cloud: Any = SimpleNamespace(lock=region.lock, region=region, behind=False, commit=lambda: None, clock=Clock(0, 0))
    sandboxes: Any = SimpleNamespace(switched=None)
    return Lifecycle(cloud, sandboxes)


def test_the_lifecycle_looks_only_while_nobody_else_writes(region: Region, lifecycle: Any) -> None:
    async def some_looks() -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(0.1):
                await lifecycle.start()

    asyncio.run(some_looks())
    assert region.looks
    assert all(region.looks)


# A cancellation that came just after a wake-up was lost: the cloud never ended, and kept its home from the next one.
@pytest.mark.parametrize("rounds_later", range(5))
def test_the_lifecycle_ends_though_it_has_just_been_woken(lifecycle: Any, rounds_later: int) -> None:
    async def woken_and_told_to_end() -> bool:
        work = lifecycle.start()
        await asyncio.sleep(0.01)
        lifecycle.cloud.wake()
        for _ in range(rounds_later):
            await asyncio.sleep(0)
        work.cancel()
        done, _ = await asyncio.wait([work], timeout=5)
        return work in done

    assert asyncio.run(woken_and_told_to_end())
