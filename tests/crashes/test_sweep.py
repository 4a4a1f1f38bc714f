"""A sample of the crash sweep: whoever is killed, wherever, there is one machine in the end, and its key opens it."""

import asyncio
import random

import pytest

from tests.crashes.ground import Ground
from tests.crashes.scenarios import LIFE
from tests.crashes.sweep import record, run, singles

pytestmark = [pytest.mark.slow, pytest.mark.enable_socket, pytest.mark.timeout(300)]
LIVES = 6


def test_a_worker_that_is_killed_anywhere_leaves_one_machine_and_its_key(capsys):
    async def sample():
        async with Ground() as ground:
            points = await record(ground, times=1)
            plans = singles(points, random.Random(20260101))
            return points, await run(ground, plans[:LIVES], lanes=LIVES)

    points, report = asyncio.run(sample())
    with capsys.disabled():
        print(f"\ncrash sweep, a sample: {report}")
    assert set(points) == {scenario.name for scenario in LIFE}
    assert not report.bad, "\n".join(f"{outcome}: {outcome.wrongs}" for outcome in report.bad)
    assert not report.left
    assert sum(outcome.struck for outcome in report.outcomes) > LIVES * len(LIFE) * 0.8
