"""A worker freezes with an open SSH session, about to send its commands, and goes on two replacements later."""

import asyncio

import pytest

from tests.crashes.ground import Ground
from tests.crashes.life import CLOSED_WITHIN, SETTLED_WITHIN, Life
from tests.crashes.points import Point
from tests.crashes.scenarios import PROVISION, REPLACE, REPLACE_OWN
from tests.crashes.verdict import wrongs

pytestmark = [
    pytest.mark.slow,
    pytest.mark.enable_socket,
    pytest.mark.timeout(300),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
NUMBERED = "lock instance, lock procrastinate_jobs, update keyreplacement(last_change)"
"""The transaction that gives a change its number; what comes next are the commands."""


async def is_done(life, scenario, before):
    return await life.until(lambda facts: scenario.is_over(facts, before), SETTLED_WITHIN)


async def ask(life, scenario):
    before = await life.facts()
    life.keys_replaced += 1
    await scenario.begin(life)
    return before


async def late(ground, nth):
    """What is wrong after a worker was frozen before its nth commands, and others have replaced the key twice more."""
    async with Life(ground, "freeze") as life:
        await PROVISION.begin(life)
        await life.hire()
        await is_done(life, PROVISION, {})
        life.worker.watch.begin(Point("sql", NUMBERED, nth, "after"))
        before = await ask(life, REPLACE_OWN)
        async with asyncio.timeout(SETTLED_WITHIN):
            await life.worker.watch.struck.wait()
        await life.hire()
        await is_done(life, REPLACE_OWN, before)
        for _ in range(2):
            before = await ask(life, REPLACE)
            await is_done(life, REPLACE, before)
        assert await life.thaw()
        for _ in range(int(CLOSED_WITHIN)):
            if not (found := await wrongs(life, REPLACE, await is_done(life, REPLACE, before))):
                return []
            await asyncio.sleep(1)
        return found


async def both():
    async with Ground() as ground:
        return await asyncio.gather(*(late(ground, nth) for nth in (1, 2)))


def test_commands_of_a_frozen_worker_put_no_old_key_back():
    assert asyncio.run(both()) == [[], []]
